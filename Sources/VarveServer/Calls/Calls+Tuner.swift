// The tuner's calls: its state and decisions, and an operator's hand on it.

package import VarveWire
internal import VarveBase
internal import VarveEngine
internal import VarveTuner

extension Calls {
  package func tunerStatus() -> TunerStatusResponse { status(of: tuner.current) }

  /// Decisions, newest last; the request's `last` 0 asks for all there are.
  package func tunerHistory(_ request: TunerHistoryRequest) -> TunerHistoryResponse {
    TunerHistoryResponse(
      decisions: tuner.current.history.last(Int(request.last)).map {
        VarveWire.TunerDecision(
          id: $0.id, atUnix: $0.atUnix, knob: $0.knob.rawValue, from: $0.from, to: $0.to,
          predictedGain: $0.predictedGain, measuredGain: $0.measuredGain,
          verdict: $0.verdict.rawValue, reason: $0.reason)
      })
  }

  /// Takes all of the request or nothing. Knobs that stand for the life of the process are refused,
  /// unless they are to be what they are.
  package func setTuner(_ request: SetTunerRequest) throws(Refusal) -> TunerStatusResponse {
    var asked = Tuner.Request()
    if !request.mode.isEmpty {
      guard let mode = TunerMode(rawValue: request.mode) else {
        throw Refusal(
          .invalidArgument,
          "mode \"\(request.mode.prefix(64))\" is not one of "
            + TunerMode.allCases.map(\.rawValue).joined(separator: ", "))
      }
      asked.mode = mode
    }
    for (name, value) in request.manual.sorted(by: { $0.key < $1.key }) {
      if let knob = KnobName(rawValue: name) {
        asked.manual[knob] = value
        continue
      }
      let fixed = try fixedKnob(name)
      guard value == fixed.value else {
        throw Refusal(
          .failedPrecondition,
          "\(name) stands at \(DecimalText.of(fixed.value)) while the daemon runs and cannot be "
            + "\(DecimalText.of(value)) (\(fixed.reason))")
      }
    }
    for name in request.automatic {
      if let knob = KnobName(rawValue: name) {
        asked.automatic.append(knob)
        continue
      }
      _ = try fixedKnob(name)
      throw Refusal(
        .failedPrecondition, "\(name) stands while the daemon runs: the tuner does not move it")
    }
    do {
      return status(of: try tuner.take(asked))
    } catch {
      throw Refusal(error)
    }
  }

  private func fixedKnob(_ name: String) throws(Refusal) -> VarveWire.Knob {
    if let knob = fixedKnobs.first(where: { $0.name == name }) { return knob }
    let names = KnobName.allCases.map(\.rawValue) + fixedKnobs.map(\.name)
    throw Refusal(
      .invalidArgument,
      "there is no knob \"\(name.prefix(64))\"; the knobs are " + names.joined(separator: ", "))
  }

  private func status(of tuner: Tuner) -> TunerStatusResponse {
    let moved = tuner.knobs.map { knob in
      VarveWire.Knob(
        name: knob.name.rawValue, value: tuner.setting[knob.name], min: knob.min, max: knob.max,
        manual: knob.isManual,
        reason: tuner.reasons[knob.name] ?? (knob.isManual ? "the configuration's" : "the default"))
    }
    return TunerStatusResponse(
      mode: tuner.mode.rawValue, knobs: moved + fixedKnobs, window: tuner.numbers,
      drift: tuner.drift.distance)
  }

  /// What stands for the life of the process. Bounds are what a configuration can make of them.
  private var fixedKnobs: [VarveWire.Knob] {
    let fixed = engine.fixedKnobs
    func share(_ name: String, _ value: Int, of shares: (UInt64, UInt64)) -> VarveWire.Knob {
      let (numerator, denominator) = shares
      let least = MemorySplit.totalBytesMin / denominator * numerator
      let limit = UInt64(ledger.limitBytes)
      return VarveWire.Knob(
        name: name, value: Double(value), min: Double(least), max: Double(limit), manual: true,
        reason: "\(numerator)/\(denominator) of memory_max \(limit); set at the start")
    }
    return [
      share("block_cache_bytes", fixed.blockCacheBytes, of: (1, 10)),
      share("arena_bytes", fixed.arenaBytes, of: (4, 10)),
      share("staging_bytes", fixed.stagingBytes, of: (2, 10)),
      VarveWire.Knob(
        name: "sync_interval_ms", value: Double(fixed.syncIntervalMillis), min: 1,
        max: Double(Limits.syncIntervalMillisMax), manual: true, reason: "the configuration's"),
      VarveWire.Knob(
        name: "io_threads", value: Double(fixed.ioThreads), min: 1,
        max: Double(Limits.ioThreadsMax), manual: true, reason: "the configuration's"),
    ]
  }
}

extension Refusal {
  init(_ refusal: TunerRefusal) {
    switch refusal {
    case .outOfBounds(let name, let value, let least, let most):
      self.init(
        .invalidArgument,
        "\(name.rawValue) \(DecimalText.of(value)) must be "
          + "\(name.isWhole ? "a whole number " : "")from \(DecimalText.of(least)) to "
          + DecimalText.of(most))
    }
  }
}
