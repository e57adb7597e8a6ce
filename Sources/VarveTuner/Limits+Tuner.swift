// The bounds of the tuner. Same rule as in `Limits`: each has a test at its edge.

package import VarveBase

extension Limits {
  /// Size ratio T of the Fluid LSM.
  package static let sizeRatioMin = 2
  package static let sizeRatioMax = 16
  /// Runs a level may hold: K of the inner levels, Z of the last.
  package static let runsMin = 1
  package static let runsMax = 15
  /// Filter bits a name, averaged over all runs.
  package static let filterBitsMin = 2.0
  package static let filterBitsMax = 16.0
  /// Levels the cost model reckons with: more are not reached with 2 as size ratio and 10^12 pages.
  package static let modelLevelsMax = 40
  /// Settings one search tries at most; the search of the widest bounds stays below (tested).
  package static let settingsTriedMax = 20_000
  /// Decisions the tuner remembers, the oldest leaving first.
  package static let tunerDecisionsMax = 256
  /// Moves held to have failed at a time.
  package static let tunerBarredMax = 64
  /// Windows whose sum is the tuner's picture of the load.
  package static let tunerSpanWindowsMax = 32
}
