// Which tables to merge next: a pure function of what the manifest knows and what is under way.
//
// It speaks of tables; what a shape asks for is said of runs as numbers (`RunPicker`). A level is
// looked at when a run comes to it, and a new shape takes force run by run.

internal import VarveBase

package struct Picker: Sendable {
  /// Newest first.
  package var tables: [TableSummary]
  package var shape: IndexShape
  /// What a flush writes, about.
  package var flushBytes: UInt64
  /// Plans under way.
  package var merging: [MergePlan] = []
  /// No segment below is live: what names only those is dead.
  package var liveFrom: UInt64 = 0
  /// A run was formed since the picker last had nothing to say; without, the shape is not asked.
  package var hasArrived = true
  /// Levels of more runs than the shape allows are joined, without waiting for a run to come.
  package var joins = false

  package init(_ tables: [TableSummary], _ shape: IndexShape, flushBytes: UInt64) {
    self.tables = tables
    self.shape = shape
    self.flushBytes = flushBytes
  }

  /// The next step, or nil when there is none (until a merge under way ends).
  package func pick() -> IndexStep? {
    let levels = IndexLevels(tables, shape, flushBytes: flushBytes, merging: merging)
    let step = levels.picker.pick(
      levels.runs.map(\.sorted), last: levels.last, hasArrived: hasArrived, joins: joins,
      dead: dead(levels))
    switch step {
    case .merge(let range, let level): return .merge(plan(levels.runs[range], level))
    case .drop(let range): return .drop(levels.runs[range].flatMap(\.tables))
    case nil: return nil
    }
  }

  /// Everything into one table: what Compact asks for. Nil when there is nothing to merge.
  package func mergeAll() -> MergePlan? {
    precondition(merging.isEmpty, "everything is merged while nothing is being merged")
    if tables.isEmpty { return nil }
    let levels = IndexLevels(tables, shape, flushBytes: flushBytes)
    return MergePlan(inputs: tables, level: UInt8(levels.last), isBottom: true)
  }

  private func plan(_ runs: ArraySlice<IndexLevels.Run>, _ level: Int) -> MergePlan {
    let inputs = runs.flatMap(\.tables)
    return MergePlan(
      inputs: inputs, level: UInt8(level), isBottom: inputs.last?.number == tables.last?.number)
  }

  /// The oldest runs that name no live segment, and what is dead of the oldest that does. Only from
  /// the oldest on: a dead page or a tombstone may cover an older record in an older table.
  private func dead(_ levels: IndexLevels) -> DeadRuns {
    var dead = DeadRuns()
    for run in levels.runs.reversed() {
      if run.isMerging || run.tables.contains(where: { $0.counts.segmentMax >= liveFrom }) { break }
      dead.whole += 1
    }
    // Its segments tell how much of it is dead.
    if dead.whole == 0, let run = levels.runs.last, !run.isMerging,
      let counts = run.tables.first?.counts
    {
      dead.bytesOfOldest = counts.deadShare(liveFrom: liveFrom) * Double(run.bytes)
    }
    return dead
  }
}
