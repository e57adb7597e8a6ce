// The tuner: cumulative observations in, moves of knobs out. Pure: time and observations are
// arguments, the same ones give the same moves.
//
//   gathering ──enough of one load──▶ decide ──a move pays by the model──▶ settling ──▶ judging
//       ▲ ▲                             │ none does                                       │
//       │ └─────────────────────────────┘                                                 │
//       └──────────────── kept, or reverted and barred, or overtaken by another load ◀────┘

internal import VarveBase

/// Decides what to move. Not for several threads; its driver holds a lock.
package struct Tuner: Sendable {
  /// A move that is in force and not yet judged.
  struct Trial: Equatable, Sendable {
    var ids: [UInt64]
    var from: Setting
    var to: Setting
    /// The load before it.
    var baseline: TunerWindow
    var predictedGain: Double
    /// Expected of both settings.
    var before: Expected
    var after: Expected

    /// What the model says of a setting: nanoseconds a page read and put, and how many pages are
    /// put from one merge into the last level to the next.
    struct Expected: Equatable, Sendable {
      let reading: Double
      let writing: Double
      let turnPages: Double

      init(_ cost: CostEstimate, turnPages: Double) {
        reading = cost.readNanos
        writing = cost.writeNanos
        self.turnPages = turnPages
      }
    }
  }

  enum Phase: Equatable, Sendable {
    case gathering
    case settling(Trial)
    case judging(Trial)
  }

  /// A setting that did not pay, until window `until`.
  struct Bar: Equatable, Sendable {
    var setting: Setting
    var until: Int
    var times: Int
  }

  package internal(set) var mode: TunerMode
  package internal(set) var knobs: [Knob]
  package internal(set) var setting: Setting
  package internal(set) var history = TunerHistory(countMax: Limits.tunerDecisionsMax)
  package internal(set) var fit = CostFit()
  package internal(set) var drift: Drift
  /// The last whole window.
  package internal(set) var window: TunerWindow?
  /// Windows seen.
  package internal(set) var windowCount = 0
  let prices: Prices
  let options: TunerOptions
  var phase = Phase.gathering
  /// Windows of the phase so far, summed up.
  var span: TunerWindow?
  var bars: [Bar] = []
  /// The window in which the next decision is due, the load being the same.
  var reviewAt = 0
  /// By how much predictions were too rosy of late, as shares of the cost: moves must promise more.
  package internal(set) var mistrust = 0.0
  /// Moves in a row that did not pay.
  var failures = 0
  /// Pages in the index at the last decision.
  var pagesAtDecision = 0.0
  /// What the last decision said of knobs that stay; by name.
  package internal(set) var reasons: [KnobName: String] = [:]
  private var previous: TunerObservation?

  package init(
    knobs: [Knob], setting: Setting, mode: TunerMode = .auto, prices: Prices = .flash,
    options: TunerOptions = TunerOptions()
  ) {
    precondition(knobs.map(\.name) == KnobName.allCases, "every knob once, in the list's order")
    for knob in knobs {
      precondition(knob.allows(setting[knob.name]), "\(knob.name.rawValue) starts out of bounds")
    }
    self.knobs = knobs
    self.setting = setting
    self.mode = mode
    self.prices = prices
    self.options = options
    drift = Drift(
      enter: options.driftEnter, leave: options.driftLeave, windowsMin: options.driftWindows)
  }

  /// What is to be applied.
  package struct Move: Equatable, Sendable {
    package let setting: Setting
    /// Whether it pays to join the runs that the new shape has too many of at once, rather than as
    /// new ones are formed.
    package let joins: Bool
  }

  /// Takes the counters as they stand; a move where the setting changed.
  ///
  /// A window ends here if it has seen enough pages; an idle one goes on.
  package mutating func observe(_ observation: TunerObservation, atUnix: Double) -> Move? {
    guard let previous else {
      self.previous = observation
      return nil
    }
    let window = TunerWindow(from: previous, to: observation)
    guard window.pages >= options.windowPagesMin else { return nil }
    self.previous = observation
    self.window = window
    windowCount += 1
    return take(window, atUnix)
  }

  private mutating func take(_ window: TunerWindow, _ atUnix: Double) -> Move? {
    if window.mix.isIdle { return nil }
    if drift.observe(window.mix) {
      drift.refer(to: window.mix)
      overtake()
      phase = .gathering
      span = window
      reviewAt = windowCount
      failures = 0
      return nil
    }
    span = span.map { spanned($0, window) } ?? window
    switch phase {
    case .gathering: return gather(atUnix)
    case .settling(let trial): return settle(trial)
    case .judging(let trial): return judge(trial, atUnix)
    }
  }

  /// Sums windows up; while gathering the old ones fade, so that the picture stays recent.
  private func spanned(_ span: TunerWindow, _ window: TunerWindow) -> TunerWindow {
    guard case .gathering = phase, span.count >= Limits.tunerSpanWindowsMax else {
      return span.joined(window)
    }
    return span.faded().joined(window)
  }

  /// Starts a phase.
  mutating func enter(_ next: Phase) {
    phase = next
    span = nil
  }

  // MARK: - Phases

  private mutating func gather(_ atUnix: Double) -> Move? {
    guard let span, span.count >= options.gatherWindows, mode != .manual else { return nil }
    let pages = span.meanPages
    let hasGrown =
      pagesAtDecision > 0
      && (pages > pagesAtDecision * options.sizeFactor
        || pages * options.sizeFactor < pagesAtDecision)
    guard hasGrown || windowCount >= reviewAt else { return nil }
    return decide(span, atUnix)
  }

  /// Runs take their new shape only as they are formed: what the first windows cost says little.
  private mutating func settle(_ trial: Trial) -> Move? {
    guard let span, span.count >= options.settleWindowsMin else { return nil }
    if let loss = plainLoss(trial, span) { return revert(trial, loss) }
    if hasTurned(span, trial) || span.count >= options.settleWindowsMax { enter(.judging(trial)) }
    return nil
  }

  /// Whether enough was put in `span` to form runs of the setting in force.
  func hasTurned(_ span: TunerWindow, _ trial: Trial) -> Bool {
    span.putPages * span.end.memtableBytesPerPage >= options.turnFlushes * setting[.memtableBytes]
      && span.putPages >= options.settleTurns * trial.after.turnPages
  }
}
