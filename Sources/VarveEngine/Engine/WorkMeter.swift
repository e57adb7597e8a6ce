// How far a long work is and how long it will still take, from the pace so far.

internal import VarveBase

/// Counts work in whatever unit the work has (bytes, mostly). Not for several threads.
struct WorkMeter {
  let total: UInt64
  var result: [String: UInt64] = [:]
  private(set) var done: UInt64 = 0
  private let clock: any Clock
  private let startedNanos: UInt64
  private var toldNanos: UInt64 = 0

  init(clock: any Clock, total: UInt64) {
    self.clock = clock
    self.total = total
    startedNanos = clock.monotonicNanos()
  }

  /// The step to tell now, `done` of `total` being done.
  mutating func step(_ stage: String, done: UInt64) -> WorkProgress {
    self.done = min(done, total)
    let now = clock.monotonicNanos()
    toldNanos = now
    let elapsed = Double(now - startedNanos) / 1e9
    let left = self.done == 0 ? 0 : elapsed / Double(self.done) * Double(total - self.done)
    return WorkProgress(
      stage: stage, done: self.done, total: total, etaSeconds: left, result: result)
  }

  /// Counts `amount` more; the step to tell, or nil where one was told a moment ago.
  mutating func advance(_ amount: Int, _ stage: String) -> WorkProgress? {
    done = min(done + UInt64(amount), total)
    guard clock.monotonicNanos() - toldNanos >= Limits.workStepNanos else { return nil }
    return step(stage, done: done)
  }
}
