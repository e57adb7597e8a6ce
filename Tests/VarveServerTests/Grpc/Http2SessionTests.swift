// The protocol layer without a connection: what bytes become events, what answers become bytes.

import Testing
import VarveBase
import VarveWire

/// A session fed by hand; what it sends, with `x` bytes in place of bodies.
final class SessionRig {
  let session: Http2Session
  let decoder = Http2Decoder()
  var nowNanos: UInt64 = 1_000_000_000
  private var rest: [UInt8] = []

  init(
    opening: [UInt8] = Http2Bytes.opening,
    _ change: (inout Http2Session.Settings) -> Void = { _ in }
  ) {
    var settings = Http2Session.Settings()
    change(&settings)
    session = Http2Session(settings: settings, nowNanos: nowNanos)
    feed(opening)
    _ = sent()
    // What the server allows counts from the client's acknowledgement.
    if !opening.isEmpty { feed(Http2Bytes.acknowledgement) }
  }

  /// The events of `bytes`, given at once.
  @discardableResult
  func feed(_ bytes: [UInt8]) -> [Http2Event] {
    unsafe bytes.withUnsafeBytes { unsafe session.receive($0, nowNanos: nowNanos) }
    return session.takeEvents()
  }

  func sent(bytesMax: Int = 1 << 30) -> [Http2Frame] {
    var bytes = rest
    while true {
      let output = session.produce(bytesMax: bytesMax, nowNanos: nowNanos)
      if output.isEmpty { break }
      var offset = 0
      for part in output.parts {
        switch part {
        case .bytes(let count):
          bytes += output.bytes[offset..<offset + count]
          offset += count
        case .payload(_, let count):
          bytes += [UInt8](repeating: UInt8(ascii: "x"), count: count)
        }
      }
    }
    let parsed = Http2Frame.parse(bytes)
    rest = parsed.rest
    return parsed.frames
  }
}

@Suite struct Http2SessionTests {
  @Test func requestsAndBodiesBecomeEventsHoweverTheyAreCut() {
    var random = SeededGenerator("Http2SessionTests")
    let body = (0..<40_000).map { UInt8(truncatingIfNeeded: $0) }
    let bytes =
      Http2Bytes.opening + Http2Bytes.request(1, "/a/b", [("grpc-timeout", "5S")])
      + Http2Bytes.data(1, Array(body[..<16_000]))
      + Http2Bytes.data(1, Array(body[16_000..<30_000]))
      + Http2Bytes.data(1, Array(body[30_000...]), isEnd: true)
      + Http2Bytes.request(3, "/c", isEnd: true)
    for _ in 0..<50 {
      let rig = SessionRig(opening: [])
      var found: [UInt8] = []
      var ended: [Int32] = []
      var paths: [String] = []
      var begin = 0
      while begin < bytes.count {
        let end = min(bytes.count, begin + Int.random(in: 1...9000, using: &random))
        let chunk = Array(bytes[begin..<end])
        for event in rig.feed(chunk) {
          switch event {
          case .request(let stream, let fields, let isEnd):
            paths.append(fields.path)
            if isEnd { ended.append(stream) }
            if stream == 1 { #expect(fields.timeout == "5S") }
          case .data(_, let range): found += chunk[range]
          case .end(let stream): ended.append(stream)
          case .closed: Issue.record("nothing closes")
          }
        }
        begin = end
      }
      #expect(found == body)
      #expect(paths == ["/a/b", "/c"])
      #expect(ended == [1, 3])
    }
  }

  @Test func anAnswerIsFramedAsThePeerTakesIt() throws {
    for frameMax in [16_384, 65_536] {
      let rig = SessionRig()
      rig.feed(
        Http2Bytes.settings([(4, 1 << 20), (5, UInt32(frameMax))])
          + Http2Bytes.windowUpdate(0, 1 << 20)
          + Http2Bytes.request(1, "/a", isEnd: true))
      rig.session.respond(1, GrpcStatus.head)
      rig.session.offer(1, 200_000)
      rig.session.end(1, GrpcStatus.ok)
      let frames = rig.sent().filter { $0.stream == 1 }
      let data = frames.filter { $0.type == Http2Frame.data }
      #expect(data.map(\.payload.count).reduce(0, +) == 200_000)
      #expect(data.allSatisfy { $0.payload.count <= frameMax && !$0.isEnd })
      #expect(data.first?.payload.count == frameMax)
      #expect(rig.decoder.decode(frames[0].payload)["content-type"] == "application/grpc")
      let last = try #require(frames.last)
      #expect(last.isEnd && rig.decoder.decode(last.payload) == ["grpc-status": "0"])
      #expect(rig.session.takeClosed() == [1])
    }
  }

  @Test func noMoreIsSentThanTheWindowAllows() {
    let rig = SessionRig()
    rig.feed(Http2Bytes.request(1, "/a", isEnd: true))
    rig.session.respond(1, GrpcStatus.head)
    rig.session.offer(1, 1 << 20)
    func bytes() -> Int {
      rig.sent().filter { $0.type == Http2Frame.data }.map(\.payload.count).reduce(0, +)
    }
    #expect(bytes() == 65_535)
    rig.feed(Http2Bytes.windowUpdate(1, 1000))
    #expect(bytes() == 0)
    rig.feed(Http2Bytes.windowUpdate(0, 500))
    #expect(bytes() == 500)
    rig.feed(Http2Bytes.reset(1))
    #expect(rig.session.takeClosed() == [1])
    #expect(rig.session.isOpen(1) == false)
  }

  @Test func theClientsWindowOpensByWhatWasDisposedOf() throws {
    let rig = SessionRig { $0.streamWindowBytes = 65_535 }
    rig.feed(Http2Bytes.request(1, "/a"))
    let chunk = [UInt8](repeating: 1, count: 16_000)
    for _ in 0..<4 { rig.feed(Http2Bytes.data(1, chunk)) }
    #expect(!rig.sent().contains { $0.type == Http2Frame.windowUpdate && $0.stream == 1 })
    rig.session.consume(1, 64_000)
    let updates = rig.sent().filter { $0.type == Http2Frame.windowUpdate && $0.stream == 1 }
    #expect(updates.map { Int($0.number()) } == [64_000])
    // One byte more than the window: the client's fault.
    for _ in 0..<4 { rig.feed(Http2Bytes.data(1, chunk)) }
    rig.feed(Http2Bytes.data(1, [UInt8](repeating: 1, count: 1536)))
    let code = rig.sent().first { $0.type == Http2Frame.reset || $0.type == Http2Frame.goAway }
    #expect(code != nil)
  }

  @Test func aClientThatStillSendsIsToldToStop() {
    let rig = SessionRig()
    rig.feed(Http2Bytes.request(1, "/a"))
    let refusal = Problem(.invalidArgument, "50 % größer\n")
    rig.session.respond(1, GrpcStatus.only(GrpcStatus.trailers(refusal)), isEnd: true)
    let frames = rig.sent().filter { $0.stream == 1 }
    #expect(frames.map(\.type) == [Http2Frame.headers, Http2Frame.reset])
    #expect(frames[1].number() == Http2Code.noError)
    let fields = rig.decoder.decode(frames[0].payload)
    #expect(fields["grpc-status"] == "3")
    #expect(fields["grpc-message"] == "50 %25 gr%C3%B6%C3%9Fer%0A")
  }

  @Test func drainingFinishesWhatHasBegun() {
    let rig = SessionRig()
    rig.feed(Http2Bytes.request(1, "/a", isEnd: true))
    rig.session.drain()
    let goAway = rig.sent().first { $0.type == Http2Frame.goAway }
    #expect(goAway?.number() == 1 && goAway?.number(at: 4) == Http2Code.noError)
    #expect(!rig.session.isFinished)
    // Later ones are not taken: the client tries them elsewhere.
    #expect(rig.feed(Http2Bytes.request(3, "/a", isEnd: true)).isEmpty)
    rig.session.respond(1, GrpcStatus.only(GrpcStatus.ok), isEnd: true)
    _ = rig.sent()
    #expect(rig.session.isFinished)
  }

  /// Found by fuzzing: nghttp2 answers a broken header block with a GOAWAY of its own, and the
  /// streams begun before stayed open for ever.
  @Test func aConnectionThatNghttp2EndsHasFailed() {
    let rig = SessionRig()
    rig.feed(Http2Bytes.request(1, "/a"))
    rig.feed(Http2Bytes.frame(Http2Frame.headers, flags: 5, stream: 3, [0xff, 0xff, 0xff, 0xff]))
    let goAways = rig.sent().filter { $0.type == Http2Frame.goAway }
    #expect(goAways.map { $0.number(at: 4) } == [9])
    #expect(rig.session.whyFailed?.code == 9)
    #expect(rig.session.openStreams.isEmpty)
    #expect(rig.session.takeClosed().contains(1))
    #expect(rig.session.isFinished)
    #expect(rig.feed(Http2Bytes.request(5, "/a", isEnd: true)).isEmpty)
  }

  @Test func garbageEndsTheConnectionAndNothingElse() {
    var random = SeededGenerator("Http2SessionTests.garbage")
    for round in 0..<400 {
      let rig = SessionRig()
      let good =
        Http2Bytes.request(1, "/a") + Http2Bytes.data(1, [1, 2, 3])
        + Http2Bytes.ping() + Http2Bytes.request(3, "/b", isEnd: true)
      var bytes = good
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
          in: 0...255, using: &random)
      }
      if round % 4 == 0 {
        bytes = (0..<500).map { _ in UInt8.random(in: 0...255, using: &random) }
      }
      rig.feed(bytes)
      for stream in rig.session.openStreams {
        rig.session.respond(stream, GrpcStatus.only(GrpcStatus.ok), isEnd: true)
      }
      let frames = rig.sent()
      #expect(frames.filter { $0.type == Http2Frame.goAway }.count <= 1)
    }
  }
}
