// Small answers leave by the reader's thread or by the writer's, whichever is free: the client sees
// them whole and in the order of its requests, however late it reads.

import Testing
import VarveBase
import VarveServer
import VarveWire

@Suite struct AnswerOrderTests {
  private static let count = 1600

  private func ask(_ raw: RawClient, _ number: Int) throws {
    try raw.send(
      .request, flags: .last, method: .stats, stream: UInt32(number * 2 + 1),
      StatsRequest().encode())
    if number % 10 == 0 { try raw.send(.ping, payload: [UInt8(number / 10)]) }
  }

  /// Takes the answer, which must be the next, and the PONG behind it; bytes of the answer.
  private func check(_ raw: RawClient, _ number: Int) throws -> Int {
    let frame = try raw.frame()
    try #require(frame.header.type == .response && frame.header.stream == UInt32(number * 2 + 1))
    let stats = try StatsResponse(decoding: frame.message.rawSpan)
    #expect(stats.counters["requests_total{call=\"Stats\"}"] == UInt64(number + 1))
    if number % 10 == 0 {
      let pong = try raw.frame()
      try #require(pong.header.type == .pong && pong.payload == [UInt8(number / 10)])
    }
    return frame.message.count
  }

  /// More than the kernel holds of a connection nobody reads (4 MiB to send, and what was received
  /// before its window closed): some answers leave in parts.
  @Test func answersThatAreReadLateComeWholeAndInOrder() throws {
    let server = try TestServer()
    let raw = try server.raw()
    try raw.hello()
    for number in 0..<Self.count { try ask(raw, number) }
    var byteCount = 0
    for number in 0..<Self.count { byteCount += try check(raw, number) }
    #expect(byteCount > 5 << 20)
  }

  @Test func answersThatAreReadInBurstsComeWholeAndInOrder() throws {
    let server = try TestServer()
    let raw = try server.raw()
    try raw.hello()
    for first in stride(from: 0, to: 200, by: 8) {
      for number in first..<first + 8 { try ask(raw, number) }
      for number in first..<first + 8 { _ = try check(raw, number) }
    }
  }

  /// A client that has finished sending still gets the answer that is on its way.
  @Test func theLastAnswerComesBeforeTheEnd() throws {
    let server = try TestServer()
    for _ in 0..<50 {
      let raw = try server.raw()
      try raw.hello()
      try raw.send(
        .request, flags: .last, method: .stats, stream: 1, StatsRequest().encode())
      raw.finishSending()
      #expect(try raw.frame().header.stream == 1)
      #expect(try raw.next() == nil)
    }
  }
}
