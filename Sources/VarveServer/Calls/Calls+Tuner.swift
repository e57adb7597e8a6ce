// The tuner's calls while there is no tuner: the knobs there are, standing where they were set.

internal import VarveEngine
package import VarveWire
internal import VarveBase

extension Calls {
  /// Every knob there is, with the value in force. The mode is `manual`: nothing moves by itself.
  package func tunerStatus() -> TunerStatusResponse {
    TunerStatusResponse(mode: "manual", knobs: knobs)
  }

  /// No decision was ever made.
  package func tunerHistory(_ request: TunerHistoryRequest) -> TunerHistoryResponse {
    TunerHistoryResponse()
  }

  /// Takes what is so already; refuses every change, naming the knob.
  package func setTuner(_ request: SetTunerRequest) throws(Refusal) -> TunerStatusResponse {
    guard ["", "auto", "observe", "manual"].contains(request.mode) else {
      throw Refusal(
        .invalidArgument,
        "mode \"\(request.mode.prefix(64))\" is not one of auto, observe, manual")
    }
    let status = tunerStatus()
    func knob(_ name: String) throws(Refusal) -> Knob {
      if let knob = status.knobs.first(where: { $0.name == name }) { return knob }
      throw Refusal(
        .invalidArgument,
        "there is no knob \"\(name.prefix(64))\"; the knobs are "
          + status.knobs.map(\.name).joined(separator: ", "))
    }
    for (name, value) in request.manual.sorted(by: { $0.key < $1.key }) {
      let knob = try knob(name)
      guard value == knob.value else {
        throw Refusal(
          .failedPrecondition,
          "\(name) stands at \(Self.text(knob.value)) and cannot become \(Self.text(value)) while "
            + "the daemon runs: this version has no tuner (\(knob.reason))")
      }
    }
    for name in request.automatic {
      _ = try knob(name)
      throw Refusal(
        .failedPrecondition, "\(name) cannot be automatic: this version has no tuner")
    }
    guard request.mode == "" || request.mode == status.mode else {
      throw Refusal(
        .failedPrecondition,
        "mode \(request.mode) is not to be had: this version has no tuner, its mode is "
          + status.mode)
    }
    return status
  }

  /// Whole numbers without a point.
  private static func text(_ value: Double) -> String {
    Int64(exactly: value).map { "\($0)" } ?? "\(value)"
  }

  /// Bounds are what a configuration of this version can make of them.
  private var knobs: [Knob] {
    let fixed = engine.fixedKnobs
    func constant(_ name: String, _ value: Int) -> Knob {
      Knob(
        name: name, value: Double(value), min: Double(value), max: Double(value),
        reason: "fixed in this version")
    }
    func share(_ name: String, _ value: Int, of shares: (UInt64, UInt64), most: Int? = nil) -> Knob
    {
      let (numerator, denominator) = shares
      let least = MemorySplit.totalBytesMin / denominator * numerator
      let limit = UInt64(ledger.limitBytes)
      return Knob(
        name: name, value: Double(value), min: Double(least),
        max: Double(most ?? Int(limit)),
        reason: "\(numerator)/\(denominator) of memory_max \(limit)"
          + (most.map { ", at most \($0)" } ?? "") + "; set at the start")
    }
    return [
      constant("size_ratio", fixed.tuning.sizeRatio),
      constant("inner_runs_max", fixed.tuning.innerRunsMax),
      constant("last_runs_max", fixed.tuning.lastRunsMax),
      constant("filter_bits_per_name", Int(fixed.tuning.filterBitsPerName)),
      share(
        "memtable_bytes", fixed.tuning.memtableBytes, of: (1, 16),
        most: Limits.memtableBytesDefault),
      share("block_cache_bytes", fixed.blockCacheBytes, of: (1, 10)),
      share("arena_bytes", fixed.arenaBytes, of: (4, 10)),
      share("staging_bytes", fixed.stagingBytes, of: (2, 10)),
      Knob(
        name: "sync_interval_ms", value: Double(fixed.syncIntervalMillis), min: 1,
        max: Double(Limits.syncIntervalMillisMax), manual: true, reason: "the configuration's"),
      Knob(
        name: "io_threads", value: Double(fixed.ioThreads), min: 1,
        max: Double(Limits.ioThreadsMax), manual: true, reason: "the configuration's"),
    ]
  }
}
