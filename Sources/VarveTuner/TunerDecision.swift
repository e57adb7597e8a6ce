// What the tuner decided, why, and what came of it.

/// What became of a decision.
package enum TunerVerdict: String, CaseIterable, Sendable {
  /// In force; the load since has not been long enough to judge it.
  case judging
  /// In force: it paid.
  case kept
  /// Taken back: it did not pay.
  case reverted
  /// In force: the load changed before it could be judged.
  case overtaken
  /// Not done: the tuner only observes.
  case observed
  /// An operator's.
  case manual
}

/// One knob moved, or one that would have been.
package struct TunerDecision: Equatable, Sendable {
  package let id: UInt64
  package let atUnix: Double
  package let knob: KnobName
  package let from: Double
  package let to: Double
  /// Shares of the cost that it was to save, and saved; 0 for an operator's, and until it is
  /// judged. Knobs that moved together carry the same.
  package let predictedGain: Double
  package var measuredGain = 0.0
  package var verdict: TunerVerdict
  package var reason: String
}

/// The last decisions, newest last, in a bounded list.
package struct TunerHistory: Equatable, Sendable {
  package private(set) var decisions: [TunerDecision] = []
  private var lastID: UInt64 = 0
  private var counts: [TunerVerdict: UInt64] = [:]
  private let countMax: Int

  package init(countMax: Int) {
    precondition(countMax > 0, "a history of nothing")
    self.countMax = countMax
  }

  /// Adds a decision; its id.
  @discardableResult
  mutating func add(
    atUnix: Double, _ knob: KnobName, from: Double, to: Double, predictedGain: Double = 0,
    verdict: TunerVerdict, reason: String
  ) -> UInt64 {
    lastID += 1
    counts[verdict, default: 0] += 1
    if decisions.count == countMax { decisions.removeFirst() }
    decisions.append(
      TunerDecision(
        id: lastID, atUnix: atUnix, knob: knob, from: from, to: to, predictedGain: predictedGain,
        verdict: verdict, reason: reason))
    return lastID
  }

  /// Tells what became of decisions; those that left the list are forgotten.
  mutating func judge(_ ids: [UInt64], _ verdict: TunerVerdict, measuredGain: Double, _ why: String)
  {
    for index in decisions.indices where ids.contains(decisions[index].id) {
      decisions[index].verdict = verdict
      counts[verdict, default: 0] += 1
      decisions[index].measuredGain = measuredGain
      decisions[index].reason += "; " + why
    }
  }

  /// How often a decision came to `verdict`; every trial began with `judging`.
  package func count(of verdict: TunerVerdict) -> UInt64 { counts[verdict] ?? 0 }

  /// The last `count`; all for 0.
  package func last(_ count: Int) -> [TunerDecision] {
    count == 0 ? decisions : Array(decisions.suffix(count))
  }
}
