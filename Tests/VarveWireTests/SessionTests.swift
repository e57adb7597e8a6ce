// The protocol of a connection, line by line of the contract: what the server does with frames.

import Testing
import VarveBase
import VarveWire

@Suite struct SessionTests {
  typealias T = SessionText

  struct Row: Sendable, CustomTestStringConvertible {
    let what: String
    let frames: [Frame]
    let actions: [String]
    /// Answers made between HELLO and the frames: these streams are over.
    var settings = ServerSession.Settings()
    var window: UInt64 = 0

    var testDescription: String { what }
  }

  static let invalid = "send GOAWAY 0 flags 2 INVALID_ARGUMENT"

  static let rows: [Row] = [
    Row(
      what: "a unary call comes with its end", frames: [T.request(1)],
      actions: ["request 1 Lookup 2 bytes last"]),
    Row(
      what: "put is followed by its data",
      frames: [T.request(1, .put, []), T.data(1, 10), T.data(1, 5, .last)],
      actions: ["request 1 Put 2 bytes", "data 1 10", "data 1 5 last"]),
    Row(
      what: "an empty DATA is nothing, an empty last DATA the end",
      frames: [T.request(1, .put, []), T.data(1, 0), T.data(1, 0, .last)],
      actions: ["request 1 Put 2 bytes", "data 1 0 last"]),
    Row(
      what: "a put may have no data at all", frames: [T.request(1, .put)],
      actions: ["request 1 Put 2 bytes last"]),
    Row(
      what: "streams are independent", frames: [T.request(1), T.request(7), T.request(9, .get)],
      actions: [
        "request 1 Lookup 2 bytes last", "request 7 Lookup 2 bytes last",
        "request 9 Get 2 bytes last",
      ]),
    Row(
      what: "an unknown method ends its stream only",
      frames: [
        T.frame(.request, 1, .last, method: nil), T.frame(.data, 1, payloadBytes: 3), T.request(3),
      ],
      actions: [
        "send RESPONSE 1 flags 3 UNIMPLEMENTED", "discard 3", "request 3 Lookup 2 bytes last",
      ]),
    Row(
      what: "a unary REQUEST without flag 1 is refused on its stream",
      frames: [T.request(1, .lookup, []), T.request(3)],
      actions: [
        "send RESPONSE 1 flags 3 INVALID_ARGUMENT", "request 3 Lookup 2 bytes last",
      ]),
    Row(
      what: "DATA behind the client's last frame is refused on its stream",
      frames: [T.request(1, .put, []), T.data(1, 1, .last), T.data(1, 2), T.data(1, 4)],
      actions: [
        "request 1 Put 2 bytes", "data 1 1 last", "stop 1",
        "send RESPONSE 1 flags 3 INVALID_ARGUMENT", "discard 2", "discard 4",
      ]),
    Row(
      what: "a REQUEST id must rise", frames: [T.request(3), T.request(3)],
      actions: ["request 3 Lookup 2 bytes last", "stop 3", invalid, "close"]),
    Row(
      what: "a REQUEST id below the last is bad", frames: [T.request(5), T.request(3)],
      actions: ["request 5 Lookup 2 bytes last", "stop 5", invalid, "close"]),
    Row(
      what: "DATA for a stream never opened is bad", frames: [T.data(1, 4)],
      actions: [invalid, "close"]),
    Row(
      what: "a second HELLO is bad", frames: [T.hello()], actions: [invalid, "close"]),
    Row(
      what: "RESPONSE does not come from a client",
      frames: [T.frame(.response, 1, .last)], actions: [invalid, "close"]),
    Row(
      what: "nothing is answered after the end",
      frames: [T.hello(), T.request(1), T.frame(.data, 1, payloadBytes: 9)],
      actions: [invalid, "close", "discard 9"]),
    Row(
      what: "CANCEL stops the call and is answered",
      frames: [T.request(1, .get), T.frame(.cancel, 1, .last), T.frame(.cancel, 1, .last)],
      actions: ["request 1 Get 2 bytes last", "stop 1", "send RESPONSE 1 flags 3 CANCELLED"]),
    Row(
      what: "CANCEL in a put drops the data that is under way",
      frames: [T.request(1, .put, []), T.frame(.cancel, 1, .last), T.data(1, 8, .last)],
      actions: [
        "request 1 Put 2 bytes", "stop 1", "send RESPONSE 1 flags 3 CANCELLED", "discard 8",
      ]),
    Row(
      what: "a call over max_streams is refused, telling the limit",
      frames: [T.request(1), T.request(3), T.request(5)],
      actions: [
        "request 1 Lookup 2 bytes last", "request 3 Lookup 2 bytes last",
        "send RESPONSE 5 flags 3 RESOURCE_EXHAUSTED max_streams 2 3",
      ], settings: .init(maxStreams: 2)),
    Row(
      what: "data within the window passes, one byte more is refused",
      frames: [T.request(1, .put, []), T.data(1, 100), T.data(1, 1)],
      actions: [
        "request 1 Put 2 bytes", "data 1 100", "stop 1",
        "send RESPONSE 1 flags 3 RESOURCE_EXHAUSTED window_bytes 0 1", "discard 1",
      ], settings: .init(windowBytes: 100)),
    Row(
      what: "WINDOW for a stream that is over, or not begun, is dropped",
      frames: [T.window(9, 5)], actions: []),
    Row(
      what: "windows may sum up to 2^63-1",
      frames: [T.request(1, .get), T.window(1, UInt64(Int64.max) - 100)],
      actions: ["request 1 Get 2 bytes last", "window 1"], window: 100),
    Row(
      what: "windows that sum up to 2^63 are bad",
      frames: [T.request(1, .get), T.window(1, UInt64(Int64.max) - 99)],
      actions: ["request 1 Get 2 bytes last", "stop 1", invalid, "close"], window: 100),
    Row(
      what: "one window over 2^63-1 is bad, though there is no window to add to",
      frames: [T.request(1, .get), T.window(1, 1 << 63)],
      actions: ["request 1 Get 2 bytes last", "stop 1", invalid, "close"]),
    Row(
      what: "an unknown type on stream 0 is ignored with its payload",
      frames: [T.frame(FrameType(rawValue: 99), 0, message: [1], payloadBytes: 6), T.request(1)],
      actions: ["discard 6", "request 1 Lookup 2 bytes last"]),
    Row(
      what: "an unknown type on an open stream ends it",
      frames: [T.request(1, .get), T.frame(FrameType(rawValue: 11), 1, payloadBytes: 6)],
      actions: [
        "request 1 Get 2 bytes last", "stop 1", "send RESPONSE 1 flags 3 UNIMPLEMENTED",
        "discard 6",
      ]),
    Row(
      what: "an unknown type on a new stream uses that stream up",
      frames: [T.frame(FrameType(rawValue: 11), 3), T.data(3, 2), T.request(5)],
      actions: [
        "send RESPONSE 3 flags 3 UNIMPLEMENTED", "discard 2", "request 5 Lookup 2 bytes last",
      ]),
    Row(
      what: "the client's GOAWAY for an error ends everything",
      frames: [T.request(1), T.goAway(.internal), T.request(3)],
      actions: ["request 1 Lookup 2 bytes last", "stop 1", "close"]),
    Row(
      what: "the client's GOAWAY to drain lets its calls end and takes no more",
      frames: [T.request(1), T.goAway(.unavailable), T.request(3)],
      actions: ["request 1 Lookup 2 bytes last", "send RESPONSE 3 flags 3 UNAVAILABLE"]),
    Row(
      what: "a WINDOW that is no message is a bad frame",
      frames: [T.request(1), T.frame(.window, 1, message: [0xff])],
      actions: ["request 1 Lookup 2 bytes last", "stop 1", invalid, "close"]),
  ]

  @Test(arguments: rows) func theTable(_ row: Row) {
    var session = T.open(row.settings, windowBytes: row.window)
    #expect(T.play(&session, row.frames) == row.actions)
  }

  // MARK: HELLO

  @Test func helloIsAnsweredWithTheLimits() throws {
    var session = ServerSession(
      settings: .init(server: "varved 0.1", bootID: "abc", maxPayload: 1 << 20, windowBytes: 77))
    let actions = session.receive(T.hello(1...9))
    #expect(actions.map(T.text) == ["send HELLO_OK 0", "hello test"])
    guard case .send(let bytes) = actions[0] else { return }
    let answer = try HelloOk(decoding: bytes.rawSpan.extracting(32..<bytes.count))
    #expect(
      answer
        == HelloOk(
          version: 1, maxPayload: 1 << 20, maxPages: 131_072, windowBytes: 77,
          server: "varved 0.1", bootID: "abc", maxStreams: 256))
  }

  @Test(arguments: [2...9 as ClosedRange<UInt32>, 0...0])
  func versionsThatDoNotMeetAreNamed(_ range: ClosedRange<UInt32>) {
    var session = ServerSession()
    let actions = session.receive(T.hello(range))
    #expect(
      actions.map(T.text) == ["send GOAWAY 0 flags 2 FAILED_PRECONDITION", "close"])
    guard case .send(let bytes) = actions[0] else { return }
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("\(range.lowerBound) to \(range.upperBound)"))
    #expect(text.contains("1 to 1"))
  }

  @Test func helloComesFirst() {
    for frame in [T.request(1), T.frame(.ping), T.goAway(.ok), T.frame(FrameType(rawValue: 77))] {
      var session = ServerSession()
      #expect(T.play(&session, [frame]) == [Self.invalid, "close"], "\(frame.header.type.name)")
    }
  }

  @Test func aHelloThatIsNoMessageIsRefused() {
    var session = ServerSession()
    #expect(
      T.play(&session, [T.frame(.hello, message: [0x0a, 9])]) == [Self.invalid, "close"])
  }

  @Test func theClientsPayloadLimitIsObeyedAndBounded() {
    for (asked, got) in [(0, 16 << 20), (5, 5), (16 << 20, 16 << 20), (17 << 20, 16 << 20)] {
      var session = T.open(maxPayload: UInt64(asked))
      _ = session.receive(T.request(1, .get))
      #expect(session.sendableBytes(on: 1) == got, "max_payload \(asked)")
    }
  }

  @Test func pingIsEchoed() {
    var session = T.open()
    var ping = T.frame(.ping, payloadBytes: 3)
    ping.echo = [7, 8, 9]
    let pong = FrameHeader(.pong, payloadBytes: 3).encode() + [7, 8, 9]
    #expect(session.receive(ping) == [.send(pong)])
  }
}
