// What is said to the peers, byte by byte, and a client that notices other answers.

import Foundation
import Testing
import VarveBase
import VarveFile

@testable import varvebench

@Suite struct PeerTests {
  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private static func joined(_ pieces: [[UInt8]]) -> String {
    pieces.map(text).joined(separator: "<page>")
  }

  private static let keys = ["k1", "key2"]

  @Test func respOfManyKeys() {
    let wire = RespProtocol(get: .multi, set: .multi)
    #expect(
      Self.text(wire.getRequest(Self.keys)) == "*3\r\n$4\r\nMGET\r\n$2\r\nk1\r\n$4\r\nkey2\r\n")
    #expect(
      Self.joined(wire.getAnswer(Self.keys, pageBytes: 8))
        == "*2\r\n$8\r\n<page>\r\n$8\r\n<page>\r\n")
    #expect(
      Self.joined(wire.setRequest(Self.keys, pageBytes: 8))
        == "*5\r\n$4\r\nMSET\r\n$2\r\nk1\r\n$8\r\n<page>\r\n$4\r\nkey2\r\n$8\r\n<page>\r\n")
    #expect(Self.text(wire.setAnswer(Self.keys)) == "+OK\r\n")
  }

  @Test func respOfOneKeyAfterAnother() {
    let wire = RespProtocol(get: .pipelined, set: .pipelined)
    #expect(
      Self.text(wire.getRequest(Self.keys))
        == "*2\r\n$3\r\nGET\r\n$2\r\nk1\r\n*2\r\n$3\r\nGET\r\n$4\r\nkey2\r\n")
    #expect(
      Self.joined(wire.getAnswer(Self.keys, pageBytes: 8)) == "$8\r\n<page>\r\n$8\r\n<page>\r\n")
    #expect(
      Self.joined(wire.setRequest(Self.keys, pageBytes: 8))
        == "*3\r\n$3\r\nSET\r\n$2\r\nk1\r\n$8\r\n<page>\r\n"
        + "*3\r\n$3\r\nSET\r\n$4\r\nkey2\r\n$8\r\n<page>\r\n")
    #expect(Self.text(wire.setAnswer(Self.keys)) == "+OK\r\n+OK\r\n")
  }

  @Test func memcachedText() {
    let wire = MemcachedProtocol()
    #expect(Self.text(wire.getRequest(Self.keys)) == "get k1 key2\r\n")
    #expect(
      Self.joined(wire.getAnswer(Self.keys, pageBytes: 8))
        == "VALUE k1 0 8\r\n<page>\r\nVALUE key2 0 8\r\n<page>\r\nEND\r\n")
    #expect(
      Self.joined(wire.setRequest(Self.keys, pageBytes: 8))
        == "set k1 0 0 8\r\n<page>\r\nset key2 0 0 8\r\n<page>\r\n")
    #expect(Self.text(wire.setAnswer(Self.keys)) == "STORED\r\nSTORED\r\n")
  }

  /// A server of one connection that waits for `due` bytes and answers.
  private static func answering(_ due: Int, _ answer: [UInt8]) throws -> UInt16 {
    let (listener, port) = try RawSocket.listening()
    _ = NamedThread("peer") {
      guard let socket = try? listener.accepted() else { return }
      var left = due
      while left > 0, let came = try? socket.receiveSome(left) { left -= came.count }
      try? unsafe answer.withUnsafeBytes { try unsafe socket.send($0) }
    }
    return port
  }

  private static let pages = BenchPages(pageBytes: 8192, count: 2)

  private static func get(_ answer: (RespProtocol, [UInt8]) -> [UInt8]) throws {
    let wire = RespProtocol(get: .multi, set: .pipelined)
    let batch = PeerBatch(wire, prefix: "p", pages: 0..<2, pageBytes: 8192)
    var whole = batch.getAnswer[0]
    for page in 0..<2 {
      unsafe whole += Array(pages.bytes(page..<page + 1))
      whole += batch.getAnswer[page + 1]
    }
    let port = try answering(batch.getRequest.count, answer(wire, whole))
    try PeerClient(port: port, pages: pages).get(batch)
  }

  @Test func pagesThatComeAreVerified() throws {
    try Self.get { $1 }
    #expect(throws: Failure.self) {
      try Self.get { _, whole in
        var other = whole
        other[5000] ^= 1
        return other
      }
    }
  }

  @Test func otherAnswersAreTold() {
    #expect(throws: Failure("the peer answered '-ERR no'")) {
      try Self.get { _, _ in Array("-ERR no\r\n".utf8) }
    }
    #expect(throws: Failure.self) { try Self.get { _, whole in Array(whole.dropLast(9000)) } }
  }

  @Test func putsArriveWhole() throws {
    let wire = RespProtocol(get: .multi, set: .pipelined)
    let batch = PeerBatch(wire, prefix: "p", pages: 0..<2, pageBytes: 8192)
    let due = batch.setRequest.reduce(0) { $0 + $1.count } + 2 * 8192
    let port = try Self.answering(due, batch.setAnswer)
    try PeerClient(port: port, pages: Self.pages).put(batch)
    let short = try Self.answering(due, Array("-OOM\r\n".utf8))
    #expect(throws: Failure.self) {
      try PeerClient(port: short, pages: Self.pages).put(batch)
    }
  }

  @Test func demandsAreHeldAgainstTheBetterRival() {
    func round(_ side: String, seconds: Double, cpu: Double) -> MeasuredRound {
      let sample = Sample(
        calls: 1, bytes: 1 << 30, pages: 1024, seconds: seconds, serverCPU: cpu)
      return MeasuredRound(
        bench: "peers", cell: PeersBench.cells[0].name, side: side, round: 0, sample: sample,
        isServed: true)
    }
    let rounds = [
      round("varve", seconds: 1, cpu: 0.3), round("redis", seconds: 0.8, cpu: 0.6),
      round("valkey", seconds: 2, cpu: 0.4), round("memcached", seconds: 0.1, cpu: 0.1),
    ]
    let figures = PeerDemands.figures(rounds, PeersBench.cells)
    #expect(figures.count == 2)
    #expect(zip(figures, [0.75, 0.8]).allSatisfy { abs($0.value - $1) < 1e-9 })
    #expect(figures.allSatisfy { $0.isMet == false })
  }
}
