// The moment between a GOAWAY and the close: who closes is let go at once, who floods is not read.

import Foundation
import Glibc
import Testing
import VarveBase
import VarveServer

@Suite struct SocketClosingTests {
  private let clock = SystemClock()

  private func pair() -> (server: Socket, peer: Socket) {
    var ends: [Int32] = [0, 0]
    let status = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
    precondition(status == 0, "socketpair gave errno \(errno)")
    return (Socket(owning: ends[0]), Socket(owning: ends[1]))
  }

  /// Waits on a thread of its own; the signal tells that it is over.
  private func waiting(_ server: Socket, millis: UInt64) -> DispatchSemaphore {
    let over = DispatchSemaphore(value: 0)
    let (clock, deadline) = (clock, clock.monotonicNanos() + millis * 1_000_000)
    Foundation.Thread.detachNewThread {
      let scratch = AlignedBuffer(byteCount: 16 << 10)
      unsafe server.awaitClose(scratch: scratch.mutableBytes, until: deadline, clock: clock)
      over.signal()
    }
    return over
  }

  /// Sends until `isOver`; the bytes taken.
  private func flood(_ peer: Socket, until isOver: () -> Bool) -> Int {
    let bytes = [UInt8](repeating: 7, count: 4096)
    var taken = 0
    while !isOver() {
      let count = unsafe Glibc.send(
        peer.descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
      if count > 0 { taken += count } else { sched_yield() }
    }
    return taken
  }

  @Test(arguments: [
    0, 1, Limits.goAwayReadBytesMax - 1, Limits.goAwayReadBytesMax, Limits.goAwayReadBytesMax + 1,
  ])
  func whoClosesIsLetGoAtOnce(_ before: Int) throws {
    let (server, peer) = pair()
    let over = waiting(server, millis: 60_000)
    try peer.send([UInt8](repeating: 7, count: before))
    peer.shutdownSending()
    #expect(over.wait(timeout: .now() + 30) == .success)
  }

  @Test func whoStaysIsLeftAtTheDeadline() {
    let (server, peer) = pair()
    #expect(waiting(server, millis: 50).wait(timeout: .now() + 30) == .success)
    withExtendedLifetime(peer) {}
  }

  /// What lies there unread does not hide the close behind it.
  @Test func aFloodIsReadUpToItsBoundAndItsCloseIsSeen() {
    let (server, peer) = pair()
    let over = waiting(server, millis: 60_000)
    let deadline = clock.monotonicNanos() + 30_000_000_000
    let taken = flood(peer) { isFull(peer) || clock.monotonicNanos() > deadline }
    // The kernel's own buffer comes on top: a few hundred KiB.
    #expect(taken <= Limits.goAwayReadBytesMax + (2 << 20))
    peer.shutdownSending()
    #expect(over.wait(timeout: .now() + 30) == .success)
  }

  private func isFull(_ peer: Socket) -> Bool {
    var room = pollfd(fd: peer.descriptor, events: Int16(POLLOUT), revents: 0)
    // Longer than a server that reads on would leave it full.
    return unsafe poll(&room, 1, 200) == 0
  }
}
