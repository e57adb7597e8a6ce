// How bold and how patient the tuner is.

internal import VarveBase

/// What the tuner does with its insights.
package enum TunerMode: String, CaseIterable, Sendable {
  /// Moves the knobs that no operator holds.
  case auto
  /// Says what it would do.
  case observe
  /// Nothing moves but by an operator.
  case manual
}

/// Thresholds; shares are of 1, times are in windows, so that no clock is needed.
package struct TunerOptions: Equatable, Sendable {
  /// A window with fewer pages (looked up, got, put) is idle and goes on until it has them.
  package var windowPagesMin = 1000.0
  /// Windows of one load before anything is decided.
  package var gatherWindows = 4
  /// Windows after a move that are not judged, while runs take the new shape: at least, and at most
  /// where too few pages are put to form new runs.
  package var settleWindowsMin = 2
  package var settleWindowsMax = 16
  /// Windows that judge a move, at least and at most; within these, until the last level was merged
  /// into.
  package var judgeWindowsMin = 3
  package var judgeWindowsMax = 48
  /// Flushes' worth of puts after which runs have been formed in a new shape, and the share of the
  /// puts that bring about a merge into the last level.
  package var turnFlushes = 8.0
  package var settleTurns = 0.5
  /// Merges into the last level whose counts prove what writing costs.
  package var provingTurns = 3.0
  /// A move is made only for a predicted gain of at least this.
  package var gainMin = 0.03
  /// A move stays that gained at least this; below it is taken back.
  package var paidMin = 0.01
  /// And at least this share of what was promised: part of what is measured is still the promise.
  package var paidShareMin = 0.1
  /// What costs so much more after a move is taken back without waiting for the judgement's
  /// windows. A tree on its way to another shape may cost more than either.
  package var plainLoss = 0.5
  /// A setting that did not pay is not tried again for so many windows, twice as long every time.
  package var barWindows = 64
  /// In how many windows a move must earn what forming its runs costs.
  package var paybackWindows = 16.0
  /// Windows after which a settled tuner looks again, the load being the same; twice as many after
  /// every move in a row that did not pay, `reviewDoublingsMax` times at most.
  package var reviewWindows = 24
  package var reviewDoublingsMax = 5
  /// Growth or shrinkage of the index that counts as a change of load.
  package var sizeFactor = 1.5
  package var driftEnter = 0.15
  package var driftLeave = 0.08
  package var driftWindows = 2

  package init() {}
}
