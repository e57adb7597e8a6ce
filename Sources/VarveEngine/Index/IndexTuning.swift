// What of the index can be moved while it runs.

internal import VarveBase

/// The index's knobs. A new value takes force for what is formed next: nothing is rewritten for it.
package struct IndexTuning: Equatable, Sendable {
  /// T, K and Z of `IndexShape`.
  package var sizeRatio: Int
  package var innerRunsMax: Int
  package var lastRunsMax: Int
  /// Memory of a memtable before it is flushed.
  package var memtableBytes: Int
  /// Filter bits a name over all tables; Monkey's allocation shares them out.
  package var filterBitsPerName: Double

  package init(
    sizeRatio: Int, innerRunsMax: Int, lastRunsMax: Int, memtableBytes: Int,
    filterBitsPerName: Double
  ) {
    self.sizeRatio = sizeRatio
    self.innerRunsMax = innerRunsMax
    self.lastRunsMax = lastRunsMax
    self.memtableBytes = memtableBytes
    self.filterBitsPerName = filterBitsPerName
  }

  package init(shape: IndexShape, memtableBytes: Int, filterBitsPerName: Double) {
    self.init(
      sizeRatio: shape.sizeRatio, innerRunsMax: shape.innerRunsMax,
      lastRunsMax: shape.lastRunsMax, memtableBytes: memtableBytes,
      filterBitsPerName: filterBitsPerName)
  }

  package var shape: IndexShape {
    IndexShape(sizeRatio: sizeRatio, innerRunsMax: innerRunsMax, lastRunsMax: lastRunsMax)
  }

  /// About what a flush writes.
  package var flushBytes: UInt64 { IndexShape.flushBytes(memtableBytes: memtableBytes) }

  /// One clear sentence for the first knob out of its bounds; nil when all are within.
  package var problem: String? {
    if let problem = shape.problem { return problem }
    if memtableBytes < 1 || memtableBytes > Limits.memtableBytesMax {
      return "memtable bytes \(memtableBytes) must be 1 to \(Limits.memtableBytesMax)"
    }
    guard filterBitsPerName >= 0, filterBitsPerName <= Limits.filterBitsPerNameMax else {
      return "filter bits per name \(filterBitsPerName) must be 0 to "
        + "\(Limits.filterBitsPerNameMax)"
    }
    return nil
  }
}
