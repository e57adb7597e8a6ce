// How many bytes a second merges may move, all together.

internal import VarveBase

/// One budget for all merge threads; bytes read and bytes written count alike.
final class MergeBudget: Sendable {
  private let pace: Locked<Pace?>

  /// - Parameter bytesPerSecond: nil for no bound.
  init(bytesPerSecond: Double?) {
    let now = SystemClock().monotonicNanos()
    pace = Locked(bytesPerSecond.map { Pace(bytesPerSecond: $0, nowNanos: now) })
  }

  /// Counts `bytes` as moved; the nanoseconds to wait before moving more.
  func delayNanos(after bytes: Int) -> UInt64 {
    let now = SystemClock().monotonicNanos()
    return pace.withLock { $0?.delayNanos(after: bytes, nowNanos: now) } ?? 0
  }
}
