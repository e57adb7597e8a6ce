// What a server may send and when: streams that are over, windows, draining.

import Testing
import VarveBase
import VarveWire

@Suite struct SessionAnswerTests {
  typealias T = SessionText

  @Test func theLastFrameEndsTheStream() throws {
    var session = T.open()
    _ = session.receive(T.request(1, .get))
    let first = try T.made(session.response(on: 1, [5], payloadBytes: 9, last: false))
    #expect(T.sent(first) == "RESPONSE 1 payload 9")
    let more = try T.made(session.data(on: 1, payloadBytes: 4))
    #expect(T.sent(more) == "DATA 1 payload 4")
    let end = try T.made(session.response(on: 1, last: true))
    #expect(T.sent(end) == "RESPONSE 1 flags 1")
    #expect(session.isOpen(1) == false)
    #expect(session.response(on: 1, last: true) == nil)
    #expect(session.data(on: 1, payloadBytes: 0) == nil)
    #expect(session.problem(on: 1, Problem(.internal, "late")) == nil)
    #expect(session.sendableBytes(on: 1) == nil)
    #expect(T.play(&session, [T.frame(.cancel, 1, .last), T.window(1, 3)]) == [])
  }

  @Test func framesRepeatTheMethodOfTheirStream() throws {
    var session = T.open()
    _ = session.receive(T.request(1, .reportCorrupt))
    let bytes = try T.made(session.response(on: 1, last: true))
    #expect(try FrameHeader(decoding: bytes.rawSpan).method == 9)
  }

  @Test func theClientsWindowIsCountedAndGrows() throws {
    var session = T.open(windowBytes: 10)
    _ = session.receive(T.request(1, .get))
    #expect(session.sendableBytes(on: 1) == 10)
    _ = try T.made(session.response(on: 1, payloadBytes: 4, last: false))
    #expect(session.sendableBytes(on: 1) == 6)
    _ = try T.made(session.data(on: 1, payloadBytes: 6))
    #expect(session.sendableBytes(on: 1) == 0)
    #expect(T.play(&session, [T.window(1, 3)]) == ["window 1"])
    #expect(session.sendableBytes(on: 1) == 3)
    let end = try T.made(session.response(on: 1, [1, 2, 3], last: true))
    #expect(end.count == 35)
  }

  @Test func sendingMoreThanTheWindowTraps() async {
    await #expect(processExitsWith: .failure) {
      var session = SessionText.open(windowBytes: 10)
      _ = session.receive(SessionText.request(1, .get))
      _ = session.data(on: 1, payloadBytes: 11)
    }
  }

  @Test func grantsLetTheClientSendMore() throws {
    var session = T.open(.init(windowBytes: 10))
    _ = session.receive(T.request(1, .put, []))
    #expect(T.play(&session, [T.data(1, 10)]) == ["data 1 10"])
    let grant = try T.made(session.grant(on: 1, bytes: 5))
    #expect(T.sent(grant) == "WINDOW 1 5")
    #expect(T.play(&session, [T.data(1, 5, .last)]) == ["data 1 5 last"])
    #expect(session.grant(on: 1, bytes: 5) == nil, "the client is done")
  }

  @Test func nothingIsGrantedWithoutAWindow() {
    var session = T.open()
    _ = session.receive(T.request(1, .put, []))
    #expect(session.grant(on: 1, bytes: 5) == nil)
    #expect(session.grant(on: 3, bytes: 5) == nil)
  }

  @Test func anAnswerBeforeTheClientsEndDropsTheRest() throws {
    var session = T.open()
    _ = session.receive(T.request(1, .put, []))
    let early = try T.made(session.problem(on: 1, Problem(.unavailable, "read-only")))
    #expect(T.sent(early) == "RESPONSE 1 flags 3 UNAVAILABLE")
    #expect(
      T.play(&session, [T.data(1, 100), T.data(1, 7, .last)]) == ["discard 100", "discard 7"])
  }

  @Test func anAnswerOverTheLimitOfAMessageIsAnErrorOfItsCall() throws {
    var session = T.open()
    _ = session.receive(T.request(1, .listNamespaces))
    let most = [UInt8](repeating: 0, count: Limits.messageBytesMax)
    let whole = try T.made(session.response(on: 1, most, last: false))
    #expect(T.sent(whole) == "RESPONSE 1")
    let over = try T.made(session.response(on: 1, most + [0], last: true))
    #expect(
      T.sent(over) == "RESPONSE 1 flags 3 RESOURCE_EXHAUSTED messageBytesMax 8388608 8388609")
    #expect(session.isOpen(1) == false)
  }

  @Test func anEndedStreamMakesRoomForAnother() throws {
    var session = T.open(.init(maxStreams: 1))
    _ = session.receive(T.request(1))
    #expect(T.play(&session, [T.request(3)]).first?.hasPrefix("send RESPONSE 3 flags 3") == true)
    _ = try T.made(session.response(on: 1, last: true))
    #expect(T.play(&session, [T.request(5)]) == ["request 5 Lookup 2 bytes last"])
  }

  @Test func drainingFinishesWhatHasBegun() throws {
    var session = T.open()
    _ = session.receive(T.request(1, .put, []))
    #expect(session.drain().map(T.text) == ["send GOAWAY 0 flags 2 UNAVAILABLE"])
    #expect(session.drain().isEmpty, "said once")
    #expect(session.isFinished == false)
    #expect(
      T.play(&session, [T.request(3), T.data(1, 4, .last)])
        == ["send RESPONSE 3 flags 3 UNAVAILABLE", "data 1 4 last"])
    _ = try T.made(session.response(on: 1, last: true))
    #expect(session.isFinished)
  }

  @Test func drainingBeforeHelloEndsAtOnce() {
    var session = ServerSession()
    #expect(
      session.drain().map(T.text) == ["send GOAWAY 0 flags 2 UNAVAILABLE", "close"])
    #expect(session.isFinished)
  }

  @Test func aBrokenFrameEndsTheConnectionOnce() {
    var session = T.open()
    _ = session.receive(T.request(1))
    #expect(
      session.fail(.reserved(7)).map(T.text)
        == ["stop 1", "send GOAWAY 0 flags 2 INVALID_ARGUMENT", "close"])
    #expect(session.fail(.reserved(7)).isEmpty)
    #expect(session.response(on: 1, last: true) == nil)
  }

  @Test func goAwayNamesTheLimitThatWasPassed() {
    var session = T.open()
    let error = FrameError.payloadTooLong(.data, byteCount: 17 << 20, limit: 16 << 20)
    #expect(
      session.fail(error).map(T.text)
        == ["send GOAWAY 0 flags 2 INVALID_ARGUMENT max_payload 16777216 17825792", "close"])
  }
}
