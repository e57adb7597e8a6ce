// What a peer may do at our cost: each kind at its limit, one below and one above.

import Testing
import VarveBase
import VarveWire

@Suite struct Http2AbuseTests {
  private func goAway(_ rig: SessionRig) -> UInt32? {
    rig.sent().last { $0.type == Http2Frame.goAway }?.number(at: 4)
  }

  @Test func bucketsRefill() {
    var bucket = TokenBucket(burst: 3, perSecond: 2, nowNanos: 0)
    let times: [UInt64] = [
      0, 0, 0, 499_999_999, 500_000_000, 999_999_999, 100_000_000_000, 100_000_000_000,
      100_000_000_000, 100_000_000_000,
    ]
    let taken = times.map { bucket.take(nowNanos: $0) }
    #expect(taken == [true, true, true, false, true, false, true, true, true, false])
  }

  /// CVE-2023-44487: streams opened and reset at once.
  @Test func rapidReset() {
    let rig = SessionRig()
    var stream: Int32 = 1
    func pair() -> [UInt8] {
      defer { stream += 2 }
      return Http2Bytes.request(stream, "/a") + Http2Bytes.reset(stream)
    }
    for _ in 0..<Limits.http2ResetsBurst { rig.feed(pair()) }
    #expect(rig.session.openStreams.isEmpty)
    #expect(goAway(rig) == nil)
    // nghttp2 refills by its own clock, so on a slow machine a few more are let through.
    var told: UInt32?
    for _ in 0..<(20 * Limits.http2ResetsBurst) where told == nil {
      rig.feed(pair())
      told = goAway(rig)
    }
    #expect(told != nil)
    #expect(rig.session.isFinished)
  }

  /// CVE-2025-8671: the peer makes us reset, so its own limit of resets counts nothing.
  @Test func madeYouReset() {
    let rig = SessionRig()
    var stream: Int32 = 1
    func made() -> [UInt8] {
      defer { stream += 2 }
      // A window over 2^31-1 is an error of its stream (RFC 9113 §6.9.1).
      return Http2Bytes.request(stream, "/a", isEnd: true)
        + Http2Bytes.windowUpdate(stream, 0x7fff_ffff)
    }
    var resets = 0
    for _ in 0..<(Limits.http2FaultsBurst / 4) {
      rig.feed(made())
      resets += rig.sent().filter { $0.type == Http2Frame.reset }.count
    }
    #expect(resets == Int(Limits.http2FaultsBurst / 4))
    #expect(rig.session.whyFailed == nil)
    for _ in 0..<Limits.http2FaultsBurst {
      rig.feed(made())
      _ = rig.session.produce(bytesMax: 1 << 20, nowNanos: rig.nowNanos)
    }
    #expect(rig.session.whyFailed?.code == Http2Code.enhanceYourCalm)
    #expect(rig.session.openStreams.isEmpty)
  }

  /// CVE-2024-28182: a header block that never ends.
  @Test func continuations() {
    for count in [Limits.http2ContinuationsMax, Limits.http2ContinuationsMax + 1] {
      let rig = SessionRig()
      var bytes = Http2Bytes.frame(
        Http2Frame.headers, flags: Http2Frame.endStream, stream: 1,
        Http2Bytes.block(Http2Bytes.fields("/a")))
      for index in 0..<count {
        bytes += Http2Bytes.frame(
          Http2Frame.continuation, flags: index == count - 1 ? Http2Frame.endHeaders : 0, stream: 1,
          Http2Bytes.block([("x\(index)", "y")]))
      }
      let events = rig.feed(bytes)
      let isFine = count == Limits.http2ContinuationsMax
      #expect(events.isEmpty != isFine)
      #expect((rig.session.whyFailed == nil) == isFine, "\(count)")
    }
  }

  @Test func headerLists() throws {
    for (bytes, isFine) in [
      (Limits.http2HeaderListBytesMax, true), (Limits.http2HeaderListBytesMax + 1, false),
    ] {
      let rig = SessionRig()
      let usual = Http2Bytes.fields("/varve.v1.Cache/Lookup")
      let used = usual.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 32 }
      let filler = String(repeating: "v", count: bytes - used - 33)
      let events = rig.feed(
        Http2Bytes.request(1, "/varve.v1.Cache/Lookup", [("x", filler)], isEnd: true))
      guard case .request(_, let fields, _)? = events.first else {
        Issue.record("no request")
        continue
      }
      #expect(fields.listBytes == bytes)
      if isFine {
        #expect(try GrpcRequestHead(fields).method == .call(.lookup))
      } else {
        #expect(throws: GrpcRequestHead.Refused.self) { try GrpcRequestHead(fields) }
      }
    }
    let rig = SessionRig()
    let fields = (0..<40).map { ("x\($0)", String(repeating: "v", count: 8000)) }
    rig.feed(Http2Bytes.request(1, "/a", fields, isEnd: true))
    #expect(rig.session.whyFailed?.code == Http2Code.enhanceYourCalm)
  }

  @Test func settingsEntries() {
    for count in [Limits.http2SettingsMax, Limits.http2SettingsMax + 1] {
      let rig = SessionRig()
      rig.feed(Http2Bytes.settings((0..<count).map { _ in (4, 70_000) }))
      let isFine = count == Limits.http2SettingsMax
      #expect((rig.session.whyFailed == nil && goAway(rig) == nil) == isFine)
    }
  }

  @Test(arguments: [
    ("PING", Http2Bytes.ping()), ("SETTINGS", Http2Bytes.settings([(4, 70_000)])),
  ])
  func controlFrames(_ name: String, _ frame: [UInt8]) {
    let rig = SessionRig()
    rig.feed(Http2Bytes.request(1, "/a"))
    // The opening SETTINGS and the acknowledgement took one each.
    for _ in 0..<(Limits.http2ControlsBurst - 2) {
      rig.feed(frame)
      _ = rig.sent()
    }
    #expect(rig.session.whyFailed == nil, "\(name)")
    rig.feed(frame)
    #expect(rig.session.whyFailed?.code == Http2Code.enhanceYourCalm, "\(name)")
    #expect(goAway(rig) == Http2Code.enhanceYourCalm)
  }

  /// A client that asks for acknowledgements and takes none makes us hold a bounded number.
  @Test func acknowledgementsThatNobodyTakes() {
    let rig = SessionRig()
    rig.feed(Http2Bytes.request(1, "/a"))
    var held = 0
    for _ in 0..<(2 * Limits.http2AcksMax) {
      rig.feed(Http2Bytes.ping())
      held = max(held, rig.session.outboundFrames)
      if rig.session.whyFailed != nil { break }
    }
    #expect(rig.session.whyFailed != nil)
    #expect(held <= Limits.http2AcksMax + 2)
  }

  @Test func emptyData() {
    let rig = SessionRig()
    rig.feed(Http2Bytes.request(1, "/a"))
    for _ in 0..<Limits.http2EmptiesBurst { rig.feed(Http2Bytes.data(1, [])) }
    #expect(rig.session.whyFailed == nil)
    rig.feed(Http2Bytes.data(1, []))
    #expect(rig.session.whyFailed?.code == Http2Code.enhanceYourCalm)
  }

  @Test func bytesBeforeTheFirstRequest() {
    let rig = SessionRig(opening: [])
    rig.feed(Http2Bytes.opening)
    // Frames of a type nobody knows, as long as they may be.
    let stuffing = Http2Bytes.frame(0xfa, [UInt8](repeating: 0, count: 16_000))
    var bytes = Http2Bytes.opening.count
    while bytes + stuffing.count <= Limits.http2OpeningBytesMax {
      rig.feed(stuffing)
      bytes += stuffing.count
    }
    #expect(rig.session.whyFailed == nil)
    rig.feed(stuffing)
    #expect(rig.session.whyFailed?.code == Http2Code.enhanceYourCalm)
  }

  @Test func streamsAtOnce() {
    let rig = SessionRig { $0.streamsMax = 4 }
    for index in 0..<4 { rig.feed(Http2Bytes.request(Int32(2 * index + 1), "/a")) }
    #expect(rig.session.openStreams == [1, 3, 5, 7])
    #expect(rig.feed(Http2Bytes.request(9, "/a")).isEmpty)
    #expect(goAway(rig) == Http2Code.protocolError)
  }

  /// Before the client can know the limit its stream is refused, and it may try again.
  @Test func streamsBeforeTheLimitIsKnown() {
    let rig = SessionRig(opening: []) { $0.streamsMax = 1 }
    rig.feed(Http2Bytes.opening + Http2Bytes.request(1, "/a"))
    #expect(rig.session.openStreams == [1])
    #expect(rig.feed(Http2Bytes.request(3, "/a")).isEmpty)
    let reset = rig.sent().first { $0.type == Http2Frame.reset }
    #expect(reset?.stream == 3 && reset?.number() == Http2Code.refusedStream)
  }
}
