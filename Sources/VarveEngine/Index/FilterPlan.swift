// How many bits a name the filters of a run that is being formed get: Monkey's division over the
// tree that the shape lets this one become.

internal import VarveBase

package enum FilterPlan {
  /// Bits a name for a run of `names`.
  ///
  /// Solved for levels that are full, whatever they hold now: the last level is mostly formed when
  /// all above it is empty, and runs that come later find their bits left over. So all filters
  /// together stay within `bitsPerName` of all names while upper levels hold no more than they
  /// should; a tree whose last level has just begun passes that by three fifths at most, with less
  /// than 2 bits a name by as much again (tests).
  /// The largest run there is counts as it is: one that took in all others is larger than any that
  /// the last level of a full tree would have, and its rate would be that much too high.
  ///
  /// - Parameters:
  ///   - names: of the run; the filter makes room for so many.
  ///   - tables: all that will be in force beside it.
  ///   - bytes: of the run, about.
  package static func bitsPerName(
    names: UInt64, bytes: UInt64, beside tables: [TableSummary], _ tuning: IndexTuning
  ) -> Double {
    let bits = tuning.filterBitsPerName
    if bits == 0 { return 0 }
    let allNames = tables.reduce(Double(names)) { $0 + Double($1.counts.names) }
    let allBytes = tables.reduce(Double(bytes)) { $0 + Double($1.fileBytes) }
    let largest = tables.reduce(names) { max($0, $1.counts.names) }
    let runs = runs(
      names: allNames, bytes: allBytes, largest: Double(largest), tuning.shape,
      flushBytes: tuning.flushBytes)
    // One level: its runs are of about one size.
    if runs.count < 2 { return bits }
    let allocation = FilterAllocation(runs: runs, bitsPerName: bits)
    return min(TableFilter.bitsPerNameMax, allocation.bitsPerName(names: Double(names)))
  }

  /// The runs of a tree that holds so much, its levels full.
  static func runs(
    names: Double, bytes: Double, largest: Double, _ shape: IndexShape, flushBytes: UInt64
  ) -> [RunGroup] {
    guard names > 0, bytes > 0 else { return [] }
    let picker = shape.picker(flushBytes: flushBytes)
    let inner = picker.capacities.prefix(picker.level(of: UInt64(bytes))).map {
      Double($0) * names / bytes
    }
    return RunGroup.fullTree(
      names: names, inner: inner, innerRunsMax: Double(shape.innerRunsMax),
      lastRunsMax: Double(shape.lastRunsMax), largest: largest)
  }
}
