// Every frame of the contract's vectors, byte for byte, in both directions.

import Testing
import VarveBase
import VarveWire

@Suite struct GoldenFrameTests {
  /// A frame as this code would make it, for one vector.
  struct Case: Sendable {
    let what: String
    let header: FrameHeader
    let message: (any WireMessage)?
    let payload: [UInt8]
    /// Decodes the message and encodes it again.
    let again: @Sendable ([UInt8]) throws -> [UInt8]

    init<Message: WireMessage>(
      _ what: String, _ type: FrameType, _ flags: FrameFlags, _ method: Method?, _ stream: UInt32,
      _ message: Message, payload: [UInt8] = []
    ) {
      self.what = what
      self.message = message
      self.payload = payload
      header = FrameHeader(
        type, flags: flags, method: method?.rawValue ?? 0, stream: stream,
        messageBytes: message.encode().count, payloadBytes: payload.count)
      again = { try Message(decoding: $0.rawSpan).encode() }
    }

    init(
      _ what: String, _ type: FrameType, _ flags: FrameFlags, _ method: Method?, _ stream: UInt32,
      payload: [UInt8] = []
    ) {
      self.what = what
      message = nil
      self.payload = payload
      header = FrameHeader(
        type, flags: flags, method: method?.rawValue ?? 0, stream: stream,
        payloadBytes: payload.count)
      again = { $0 }
    }
  }

  static let ids = PageID.chain(tokens: (1...200).map { UInt32($0) }, pageTokens: 64)
  static let hello = Array("hello".utf8)

  static let cases: [Case] = [
    Case(
      "HELLO version", .hello, [], nil, 0,
      Hello(versionMin: 1, versionMax: 1, client: "vectors/1")),
    Case(
      "REQUEST OpenNamespace", .request, .last, .openNamespace, 1,
      OpenNamespaceRequest(name: "model/bf16/page64")),
    Case(
      "REQUEST Lookup", .request, .last, .lookup, 3,
      LookupRequest(
        namespaceID: 7, chain: Chain(pageIDs: ids, atRoot: true), wantPresent: true)),
    Case(
      "REQUEST Put header", .request, [], .put, 5,
      PutHeader(
        namespaceID: 7, chain: Chain(pageIDs: [ids[0]], atRoot: true), count: 1, pageBytes: [5],
        checksum: [XXH3.hash([7])])),
    Case("DATA on stream 5", .data, .last, .put, 5, payload: hello),
    Case("PING with payload", .ping, [], nil, 0, payload: Array("12345678".utf8)),
    Case(
      "HELLO_OK version 1", .helloOk, [], nil, 0,
      HelloOk(version: 1, maxPayload: 16 << 20, maxPages: 131_072)),
    Case(
      "RESPONSE Lookup", .response, .last, .lookup, 3,
      LookupResponse(hitPages: 3, hitBytes: 15, present: [7])),
    Case("RESPONSE Put, stream 5: need", .response, [], .put, 5, PutResponse.need([1])),
    Case(
      "RESPONSE Put, stream 5, last", .response, .last, .put, 5,
      PutResponse.result([.checksumMismatch])),
    Case(
      "RESPONSE Get, stream 7", .response, .last, .get, 7,
      PageRun(pageBytes: [5], checksum: [XXH3.hash(hello)]), payload: hello),
    Case("RESPONSE Get of nothing", .response, .last, .get, 7),
    Case(
      "RESPONSE error on Lookup", .response, [.last, .error], .lookup, 9,
      Problem(.notFound, "unknown namespace")),
    Case("CANCEL Get", .cancel, .last, .get, 7),
    Case("WINDOW Get", .window, [], .get, 7, Window(bytes: 1 << 20)),
    Case("PONG", .pong, [], nil, 0, payload: Array("12345678".utf8)),
    Case("GOAWAY FAILED_PRECONDITION", .goAway, .error, nil, 0, Problem(.failedPrecondition, "")),
  ]

  @Test func everyVectorHasACase() throws {
    #expect(try Vectors.load().frames.count == Self.cases.count)
  }

  @Test func framesEncodeToTheVectors() throws {
    for item in Self.cases {
      let made = item.header.encode() + (item.message?.encode() ?? []) + item.payload
      #expect(Hex.text(made) == Hex.text(try Vectors.bytes(item.what)), "\(item.what)")
    }
  }

  @Test func framesDecodeFromTheVectors() throws {
    for item in Self.cases {
      var parser = FrameParser()
      let bytes = try Vectors.bytes(item.what)
      var offset = 0
      let frame = try #require(try parser.feed(bytes.rawSpan, from: &offset), "\(item.what)")
      #expect(frame.header == item.header, "\(item.what)")
      #expect(try item.again(frame.message) == item.message?.encode() ?? [], "\(item.what)")
      let payload = frame.echo + bytes[offset...]
      #expect(payload == item.payload, "\(item.what)")
      #expect(parser.payloadRemaining == item.payload.count - frame.echo.count)
    }
  }

  @Test func badFramesAreRefusedForTheirReason() throws {
    let reasons: [String: (FrameError) -> Bool] = [
      "wrong magic, right CRC": { if case .magic = $0 { true } else { false } },
      "wrong CRC": { if case .checksum = $0 { true } else { false } },
      "header length 2^32-1": {
        $0 == .messageTooLong(.request, byteCount: 0xffff_ffff, limit: 8 << 20)
      },
      "reserved not 0": { if case .reserved(let value) = $0 { value != 0 } else { false } },
    ]
    let vectors = try Vectors.load().bad_frames
    #expect(Set(vectors.map(\.what)) == Set(reasons.keys))
    for vector in vectors {
      var parser = FrameParser()
      var offset = 0
      let error = #expect(throws: FrameError.self, "\(vector.what)") {
        _ = try parser.feed(vector.bytes.rawSpan, from: &offset)
      }
      #expect(error.map { reasons[vector.what]?($0) == true } == true, "\(vector.what)")
      #expect(error?.problem.status == .invalidArgument)
      #expect(parser.bufferedBytes == 0, "\(vector.what): nothing of a bad frame is kept")
    }
  }
}
