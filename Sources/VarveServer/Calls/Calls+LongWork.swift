// Compact and Scrub: work that may take minutes and tells how far it is. One of each at a time in
// the whole daemon, whichever protocol asked; the caller holds the gate (`compaction`, `scrubbing`)
// and gives the work a thread of its own.

internal import VarveEngine
package import VarveWire
internal import VarveBase

extension Calls {
  /// Blocks until done; `progress` gets each message and stops the work by returning false.
  package func compact(
    _ request: CompactRequest, progress: (Progress) -> Bool
  ) throws(Refusal) {
    try refusing { () throws(EngineError) in
      try engine.compact(
        namespace: request.namespace.isEmpty ? nil : request.namespace,
        indexOnly: request.indexOnly
      ) { step in
        phase.current == .ready && progress(Progress(step))
      }
    }
    try checkReady("compaction")
  }

  /// Blocks until done; `progress` gets each message and stops the work by returning false.
  package func scrub(
    _ request: ScrubRequest, progress: (Progress) -> Bool
  ) throws(Refusal) {
    let rate = try scrubRate(request.maxBytesPerSecond)
    _ = try refusing { () throws(EngineError) in
      try engine.scrub(bytesPerSecond: rate) { step in
        phase.current == .ready && progress(Progress(step))
      }
    }
    try checkReady("scrub")
  }

  /// 0 is the default; infinity is no bound.
  private func scrubRate(_ asked: Double) throws(Refusal) -> Double? {
    if asked == 0 { return Limits.scrubBytesPerSecondDefault }
    if asked == .infinity { return nil }
    let least = Limits.scrubBytesPerSecondMin
    // Not a number is not at least anything.
    guard asked >= least else {
      throw Refusal(
        .invalidArgument,
        "max_bytes_per_second \(asked) is not 0 (the default) or at least \(UInt64(least))",
        limit: "max_bytes_per_second_min", limitValue: UInt64(least),
        value: asked > 0 ? UInt64(asked) : 0)
    }
    return asked
  }

  /// A drain ends long work before its time: that is not a success.
  private func checkReady(_ work: String) throws(Refusal) {
    guard phase.current != .ready else { return }
    throw Refusal(.unavailable, "the daemon is draining: the \(work) was ended before its time")
  }
}

extension Progress {
  init(_ step: WorkProgress) {
    self.init(
      stage: step.stage, done: step.done, total: step.total, etaSeconds: step.etaSeconds,
      result: step.result)
  }
}

/// Lets one through at a time.
package final class WorkGate: Sendable {
  private let isRunning = Locked(false)

  package init() {}

  /// False while another is within; else `end` must follow.
  package func begin() -> Bool {
    isRunning.withLock { running in
      guard !running else { return false }
      running = true
      return true
    }
  }

  package func end() { isRunning.withLock { $0 = false } }
}
