// Time as an argument. Two clocks: monotonic nanoseconds for durations and deadlines, wall-clock
// milliseconds for what is written to disk (put time, expiry). Tests give their own.

internal import Glibc

/// Where the daemon's parts take the time from.
package protocol Clock: Sendable {
  /// Nanoseconds since an arbitrary start; never goes back.
  func monotonicNanos() -> UInt64
  /// Milliseconds since 1970-01-01 UTC; may jump when the machine's clock is set.
  func wallMillis() -> UInt64
}

/// The machine's clocks.
package struct SystemClock: Clock {
  package init() {}

  package func monotonicNanos() -> UInt64 { read(CLOCK_MONOTONIC) }

  package func wallMillis() -> UInt64 { read(CLOCK_REALTIME) / 1_000_000 }

  private func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    let status = unsafe clock_gettime(clock, &time)
    precondition(status == 0, "clock_gettime gave \(status)")
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// A clock that stands still until it is told to move; for tests and simulation.
package final class ManualClock: Clock {
  private let state: Locked<(nanos: UInt64, millis: UInt64)>

  package init(nanos: UInt64 = 1, wallMillis: UInt64 = 1_700_000_000_000) {
    state = Locked((nanos, wallMillis))
  }

  package func monotonicNanos() -> UInt64 { state.withLock { $0.nanos } }

  package func wallMillis() -> UInt64 { state.withLock { $0.millis } }

  /// Moves both clocks forward by `millis`.
  package func advance(millis: UInt64) {
    state.withLock {
      $0.nanos += millis * 1_000_000
      $0.millis += millis
    }
  }
}
