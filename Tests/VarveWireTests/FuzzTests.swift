// Damaged bytes into every decoder: they refuse or decode, they never crash and never grow wild.

import Testing
import VarveBase
import VarveWire

@Suite struct FuzzTests {
  static let messages: [any WireMessage.Type] = [
    Chain.self, NamespaceOptions.self, NamespaceInfo.self, OpenNamespaceRequest.self,
    OpenNamespaceResponse.self, LookupRequest.self, LookupResponse.self, PutHeader.self,
    PutResult.self, PutResponse.self, GetRequest.self, PageRun.self, PagesRequest.self,
    PagesResponse.self, ReportCorruptRequest.self, ReportCorruptResponse.self, StatsRequest.self,
    StatsResponse.self, Level.self, SegmentInfo.self, Latency.self, Progress.self,
    CompactRequest.self, FlushRequest.self, FlushResponse.self, ScrubRequest.self,
    ListNamespacesRequest.self, ListNamespacesResponse.self, NamespaceName.self,
    SetNamespaceRequest.self, Knob.self, TunerStatusRequest.self, TunerStatusResponse.self,
    TunerHistoryRequest.self, TunerHistoryResponse.self, TunerDecision.self, SetTunerRequest.self,
    SetCapacityRequest.self, SetCapacityResponse.self, DrainRequest.self, DrainResponse.self,
    Hello.self, HelloOk.self, Window.self, Problem.self,
  ]

  /// Decodes; a message that decodes must encode to bytes that decode to the same bytes again.
  static func tryDecoding(_ type: any WireMessage.Type, _ bytes: [UInt8]) throws -> Bool {
    func open<Message: WireMessage>(_ type: Message.Type) throws -> Bool {
      let message: Message
      do { message = try Message(decoding: bytes.rawSpan) } catch { return false }
      let once = message.encode()
      let twice = try Message(decoding: once.rawSpan).encode()
      // NaN's bits and the codecs of the future survive; only what is unknown is dropped.
      #expect(once == twice, "\(type) of \(Hex.text(bytes))")
      return true
    }
    return try open(type)
  }

  @Test func damagedMessagesAreRefusedOrDecoded() throws {
    var random = SeededRandom("damagedMessagesAreRefusedOrDecoded")
    let samples = MessageSamples.all.map { (type(of: $0), $0.encode()) }
    var decoded = 0
    for _ in 0..<60_000 {
      let (type, bytes) = samples[random.below(samples.count)]
      // Now and then another message's bytes: field numbers meet with other types.
      let target = random.below(8) == 0 ? Self.messages[random.below(Self.messages.count)] : type
      if try Self.tryDecoding(target, random.mutate(bytes)) { decoded += 1 }
    }
    #expect(decoded > 1_000 && decoded < 59_000, "the mutations are neither mild nor wild only")
  }

  @Test func randomBytesAreRefusedOrDecoded() throws {
    var random = SeededRandom("randomBytesAreRefusedOrDecoded")
    for _ in 0..<20_000 {
      let bytes = (0..<random.below(60)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      _ = try Self.tryDecoding(Self.messages[random.below(Self.messages.count)], bytes)
    }
  }

  /// A whole server side on damaged frames: parser, session, and heads that are right again, so
  /// that the damage goes deeper than the CRC.
  @Test func damagedFramesEndInAnErrorOrPass() throws {
    var random = SeededRandom("damagedFramesEndInAnErrorOrPass")
    let frames = try Vectors.load().frames.map(\.bytes)
    var ended = 0
    for _ in 0..<20_000 {
      var parser = FrameParser()
      var session = SessionText.open(.init(maxStreams: 4, windowBytes: 100), windowBytes: 100)
      var bytes: [UInt8] = []
      for _ in 0...random.below(4) {
        var frame = random.below(3) == 0 ? frames[random.below(frames.count)] : Self.head(&random)
        if random.below(3) == 0 { frame = random.mutate(frame) }
        bytes += frame
      }
      var offset = 0
      do throws(FrameError) {
        while offset < bytes.count {
          if parser.payloadRemaining > 0 {
            let count = min(parser.payloadRemaining, bytes.count - offset)
            parser.skip(count)
            offset += count
          } else if let frame = try parser.feed(bytes.rawSpan, from: &offset) {
            _ = session.receive(frame)
          }
          session.checkInvariants()
          #expect(parser.bufferedBytes <= bytes.count)
        }
      } catch {
        ended += 1
        _ = session.fail(error)
        #expect(session.isFinished)
      }
    }
    #expect(ended > 100 && ended < 19_900)
  }

  private static func head(_ random: inout SeededRandom) -> [UInt8] {
    FrameRuleTests.head(
      type: UInt8(random.below(13)), flags: UInt8(random.below(5)),
      stream: UInt32(random.below(9)), message: 0, payload: UInt64(random.below(30)))
  }
}
