// Locked and Monitor under threads, and the waits of Monitor.

import Foundation
import Testing
import VarveBase

@Suite struct LockTests {
  /// Runs `body` on `count` threads and returns when all are done.
  static func threads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let running = Monitor(count)
    for index in 0..<count {
      Thread.detachNewThread {
        body(index)
        running.update { $0 -= 1 }
      }
    }
    _ = running.wait { $0 == 0 ? true : nil }
  }

  @Test func noIncrementIsLost() {
    let counter = LockedBox()
    Self.threads(4) { _ in
      for _ in 0..<5_000 { counter.value.withLock { $0 += 1 } }
    }
    #expect(counter.value.withLock { $0 } == 20_000)
  }

  final class LockedBox: Sendable {
    let value = Locked(0)
  }

  struct Refused: Error, Equatable {}

  @Test func anErrorUnlocks() {
    let locked = Locked(1)
    #expect(throws: Refused.self) {
      try locked.withLock { (value: inout Int) throws(Refused) in
        value = 2
        throw Refused()
      }
    }
    #expect(locked.withLock { $0 } == 2)
  }

  @Test func aWaiterSeesTheUpdateThatItWaitsFor() {
    let monitor = Monitor(0)
    let seen = Monitor<[Int]>([])
    Thread.detachNewThread {
      let got = monitor.wait { $0 >= 3 ? $0 : nil }
      seen.update { $0.append(got ?? -1) }
    }
    for _ in 0..<3 { monitor.update { $0 += 1 } }
    let deadline = SystemClock().monotonicNanos() + 10_000_000_000
    #expect(seen.wait(until: deadline) { $0.isEmpty ? nil : $0 } == [3])
  }

  @Test func aWaitEndsAtItsDeadline() {
    let clock = SystemClock()
    let monitor = Monitor(0)
    let start = clock.monotonicNanos()
    let result = monitor.wait(until: start + 20_000_000) { $0 > 0 ? true : nil }
    #expect(result == nil)
    #expect(clock.monotonicNanos() >= start + 20_000_000)
  }

  @Test func aDeadlineInThePastStillLooksOnce() {
    let monitor = Monitor(7)
    #expect(monitor.wait(until: 1) { $0 == 7 ? $0 : nil } == 7)
    #expect(monitor.wait(until: 1) { $0 == 8 ? $0 : nil } == nil)
  }

  @Test func aSuccessfulWaitMayChangeTheValue() {
    let monitor = Monitor([1, 2])
    #expect(monitor.wait { $0.popLast() } == 2)
    #expect(monitor.update { $0 } == [1])
  }
}
