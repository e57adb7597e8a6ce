// What a tuner reads and moves.

internal import VarveBase

extension Engine {
  /// The index's knobs as they stand.
  package var tuning: IndexTuning { index.tuning }

  /// Moves the index's knobs. They take force for what is formed next; nothing is rewritten, nobody
  /// waits. Not kept: a start takes the configuration's. `tuning.problem` must be nil.
  ///
  /// - Parameter joining: levels that have more runs than the new shape allows are joined in the
  ///   background, once: where little is put, runs that read badly would stand for long.
  package func tune(_ tuning: IndexTuning, joining: Bool = false) {
    index.tune(tuning, joining: joining)
    if joining { threads.wakeMergers() }
  }

  /// Counts since the start and the index as it stands.
  package func indexObservation() -> IndexObservation {
    var observation = IndexObservation()
    index.observe(&observation)
    observation.hasFingerprints = fingerprints.isOn
    observation.lookupPages = counters.pagesAsked.current
    observation.putPages = counters.pagesStored.current
    observation.putBytes = counters.bytesStored.current
    observation.gotPages = counters.pagesRead.current
    observation.gotBytes = counters.bytesRead.current
    let stalls = stallNanos.snapshot()
    observation.stalls = stalls.count
    observation.stallNanos = stalls.sumNanos
    return observation
  }
}
