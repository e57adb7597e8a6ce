// Keeping background reading below a rate: how long to wait, as a pure function of bytes and time.

internal import VarveBase

/// A rate in bytes a second. Time that passed without reading is not made up for beyond a second's
/// worth, so that a scrub that was held up does not come back as a burst.
struct Pace {
  private let bytesPerSecond: Double
  /// When what was read so far may be over.
  private var dueNanos: UInt64

  init(bytesPerSecond: Double, nowNanos: UInt64) {
    precondition(bytesPerSecond > 0 && bytesPerSecond.isFinite, "a rate of \(bytesPerSecond)")
    self.bytesPerSecond = bytesPerSecond
    dueNanos = nowNanos
  }

  /// Counts `bytes` as read; the nanoseconds to wait before reading more.
  mutating func delayNanos(after bytes: Int, nowNanos: UInt64) -> UInt64 {
    let earliest = nowNanos > 1_000_000_000 ? nowNanos - 1_000_000_000 : 0
    let cost = (Double(bytes) / bytesPerSecond * 1e9).rounded()
    // A day for one read is as good as for ever, and stays far from overflow.
    dueNanos = max(dueNanos, earliest) + UInt64(min(cost, 86_400e9))
    return dueNanos > nowNanos ? dueNanos - nowNanos : 0
  }
}
