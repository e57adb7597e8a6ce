// The movable shape of the tree: a Fluid LSM (Dayan and Idreos, "Dostoevsky", SIGMOD 2018).
// Leveling is K = Z = 1, tiering K = Z = T - 1, lazy leveling K = T - 1 and Z = 1.

internal import VarveBase

/// Size ratio and bounds on sorted runs; a run is one table.
package struct IndexShape: Equatable, Sendable {
  /// T: a level holds so many times the bytes of the level above it.
  package var sizeRatio: Int
  /// K: sorted runs in a level above the last.
  package var innerRunsMax: Int
  /// Z: sorted runs in the last level.
  package var lastRunsMax: Int

  package static let sizeRatios = 2...16
  package static let runs = 1...15

  /// Lazy leveling.
  package init(sizeRatio: Int = 4, innerRunsMax: Int = 3, lastRunsMax: Int = 1) {
    self.sizeRatio = sizeRatio
    self.innerRunsMax = innerRunsMax
    self.lastRunsMax = lastRunsMax
  }

  /// One clear sentence for the first number out of its bounds; nil when all are within.
  package var problem: String? {
    for (name, value, bounds) in [
      ("size ratio", sizeRatio, Self.sizeRatios), ("inner runs", innerRunsMax, Self.runs),
      ("last runs", lastRunsMax, Self.runs),
    ] where !bounds.contains(value) {
      return "\(name) \(value) must be \(bounds.lowerBound) to \(bounds.upperBound)"
    }
    return nil
  }

  /// The rules of this shape, when a flush writes about `flushBytes`.
  func picker(flushBytes: UInt64) -> RunPicker {
    RunPicker(
      sizeRatio: sizeRatio, innerRunsMax: innerRunsMax, lastRunsMax: lastRunsMax,
      flushBytes: flushBytes)
  }

  /// About what flushing a memtable of so many bytes writes: memory is accounted from above, an
  /// entry's two records take 0.3 to 0.45 of it (measured, chains of 32 and of 512 pages). Never
  /// below a block of the disk, so that absurd memtables do not make absurd levels.
  package static func flushBytes(memtableBytes: Int) -> UInt64 {
    max(UInt64(memtableBytes) / 8 * 3, UInt64(Limits.blockBytes))
  }
}
