// What is sent in one go, against a socket that takes as little as it likes.

import Glibc
import Testing
import VarveBase

@testable import VarveServer

@Suite struct GatherTests {
  private func below(_ bound: Int, _ dice: inout SeededGenerator) -> Int {
    Int.random(in: 0..<bound, using: &dice)
  }

  private func pair() -> (server: Socket, peer: Socket) {
    var ends: [Int32] = [0, 0]
    let status = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
    precondition(status == 0, "socketpair gave errno \(errno)")
    return (Socket(owning: ends[0]), Socket(owning: ends[1]))
  }

  /// Bytes of both kinds in random order, and what they are together. Pieces lie in `memory`.
  private func filled(
    _ dice: inout SeededGenerator, _ memory: UnsafeRawBufferPointer, parts: Int
  ) -> (Gather, [UInt8]) {
    var gather = Gather()
    var expected: [UInt8] = []
    for _ in 0..<parts {
      if below(2, &dice) == 0 {
        let bytes = (0..<below(80, &dice)).map { _ in UInt8(below(256, &dice)) }
        gather.append(bytes)
        expected += bytes
        continue
      }
      // Three pieces, taken by a cursor in steps of its own.
      var pieces: [UnsafeRawBufferPointer] = unsafe []
      for _ in 0..<3 {
        let start = below(memory.count, &dice)
        let end = start + below(min(30_000, memory.count - start) + 1, &dice)
        unsafe pieces.append(UnsafeRawBufferPointer(rebasing: memory[start..<end]))
      }
      var cursor = PieceCursor()
      var left = unsafe pieces.reduce(0) { $0 + $1.count }
      while left > 0 {
        let step = 1 + below(left, &dice)
        unsafe cursor.take(step, of: pieces[...], into: &gather)
        left -= step
      }
      for index in unsafe pieces.indices { unsafe expected += pieces[index] }
    }
    return (gather, expected)
  }

  /// Up to `most` of the bytes that have come.
  private func received(_ peer: Socket, _ most: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: most)
    let count = try unsafe bytes.withUnsafeMutableBytes { try unsafe peer.receiveNow(into: $0) }
    return Array(bytes[..<(count ?? 0)])
  }

  @Test func whatTheKernelDoesNotTakeFollowsLater() throws {
    var dice = SeededGenerator("gather")
    let memory = AlignedBuffer(byteCount: 256 << 10)
    for index in 0..<memory.byteCount {
      unsafe memory.mutableBytes[index] = UInt8(below(256, &dice))
    }
    for parts in [0, 1, 2, 5, 40, 600] {
      let (server, peer) = pair()
      var (gather, expected) = unsafe filled(&dice, memory.bytes, parts: parts)
      #expect(gather.byteCount == expected.count && gather.isEmpty == expected.isEmpty)
      var came: [UInt8] = []
      var refusals = 0
      while !gather.isSent {
        let taken = try gather.send(to: server, waits: false)
        // A full socket takes nothing and says so; then some of it is read.
        if taken == 0 { refusals += 1 }
        if taken == 0 || below(3, &dice) == 0 {
          came += try received(peer, 1 + below(200_000, &dice))
        }
      }
      #expect(parts < 600 || refusals > 0, "the socket was never full")
      while came.count < expected.count { came += try received(peer, 1 << 20) }
      #expect(came == expected, "\(parts) parts")
      let rest = try received(peer, 1)
      #expect(rest.isEmpty)
    }
  }

  @Test func bytesGivenBeforehandKeepTheirPlaces() throws {
    let (server, peer) = pair()
    let page = AlignedBuffer(byteCount: 4096)
    var gather = Gather(own: [1, 2, 3, 4, 5])
    gather.appendOwn(2)
    unsafe gather.append(memory: UnsafeRawBufferPointer(rebasing: page.bytes[..<3]))
    gather.appendOwn(0)
    gather.appendOwn(3)
    #expect(gather.byteCount == 8)
    #expect(try gather.send(to: server, waits: true) == 8)
    #expect(gather.isSent)
    #expect(try received(peer, 100) == [1, 2, 0, 0, 0, 3, 4, 5])
  }
}
