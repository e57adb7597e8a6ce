// Which tables to merge next: a pure function of what the manifest knows and what is under way.
//
// Runs pile up in level 0, one a flush, until there are more than K or they fill it. Then the
// newest are joined, if that makes a run of usual size, or all of them go down: through every level
// that would be over its bytes, into the first that has room. There they join the newest run if it
// is small enough or if there would be more than K (in the last level Z) runs. So a level is looked
// at when a run comes to it, and a new shape takes force run by run.

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
    // The oldest tables whose every page is gone leave as files.
    if let dead = deadTail(levels) { return .drop(dead) }
    if hasArrived {
      if let plan = within(levels) { return .merge(plan) }
      if let plan = down(levels) { return .merge(plan) }
    }
    // Much of the index is dead, and no merge has come by to let go of it.
    if let plan = sweep(levels) { return .merge(plan) }
    if joins, let plan = join(levels) { return .merge(plan) }
    return nil
  }

  /// Everything into one table: what Compact asks for. Nil when there is nothing to merge.
  package func mergeAll() -> MergePlan? {
    precondition(merging.isEmpty, "everything is merged while nothing is being merged")
    if tables.isEmpty { return nil }
    let levels = IndexLevels(tables, shape, flushBytes: flushBytes)
    return MergePlan(inputs: tables, level: UInt8(levels.last), isBottom: true)
  }

  // MARK: - The shape

  /// Level 0 has more runs than it should, or more bytes.
  private func isOver(_ runs: [IndexLevels.Run], _ levels: IndexLevels) -> Bool {
    runs.count > levels.runsMax(0)
      || runs.count > 1 && runs.reduce(0) { $0 + $1.bytes } > levels.capacity(0)
  }

  /// Too many runs of too few bytes: the newest are joined within the level.
  private func within(_ levels: IndexLevels) -> MergePlan? {
    let runs = levels.runs(in: 0)
    guard isOver(runs, levels) else { return nil }
    // The only level there is: Z of its runs may stay.
    if levels.last == 0 { return plan(runs.prefix(runs.count - levels.runsMax(0) + 1), 0) }
    // Full: joining would only write twice what goes down anyway.
    if runs.reduce(0, { $0 + $1.bytes }) > levels.capacity(0) { return nil }
    var joined = 0
    var bytes: UInt64 = 0
    for run in runs {
      bytes += run.bytes
      if run.isMerging || bytes > levels.runBytesMax(0) { break }
      joined += 1
    }
    return joined > 1 ? plan(runs.prefix(joined), 0) : nil
  }

  /// Level 0 goes down.
  private func down(_ levels: IndexLevels) -> MergePlan? {
    var inputs = levels.runs(in: 0)
    guard levels.last > 0, isOver(inputs, levels) else { return nil }
    var target = 1
    while true {
      let here = levels.runs(in: target)
      let incoming = inputs.reduce(0) { $0 + $1.bytes }
      let bytes = here.reduce(incoming) { $0 + $1.bytes }
      if target < levels.last, bytes > levels.capacity(target) {
        inputs += here
        target += 1
        continue
      }
      var joined = max(0, here.count + 1 - levels.runsMax(target))
      if joined == 0, let newest = here.first, !newest.isMerging,
        incoming + newest.bytes <= levels.runBytesMax(target)
      {
        joined = 1
      }
      return plan(inputs + here.prefix(joined), target)
    }
  }

  /// The newest runs of the first level that has too many, which a moved shape can bring about.
  private func join(_ levels: IndexLevels) -> MergePlan? {
    for level in 0...levels.last {
      let runs = levels.runs(in: level)
      let over = runs.count - levels.runsMax(level)
      if over > 0, let plan = plan(runs.prefix(over + 1), level) { return plan }
    }
    return nil
  }

  /// A merge of these runs; nil while one of them is being merged.
  private func plan(_ runs: some Sequence<IndexLevels.Run>, _ level: Int) -> MergePlan? {
    let inputs = runs.flatMap(\.tables)
    guard !runs.contains(where: \.isMerging), let oldest = inputs.last else { return nil }
    return MergePlan(
      inputs: inputs, level: UInt8(level), isBottom: oldest.number == tables.last?.number)
  }

  // MARK: - What is dead

  /// The oldest tables that name no live segment. Only from the oldest on: a dead page or a
  /// tombstone may cover an older record in an older table.
  private func deadTail(_ levels: IndexLevels) -> [TableSummary]? {
    var dead: [TableSummary] = []
    for run in levels.runs.reversed() {
      if run.isMerging || run.tables.contains(where: { $0.counts.segmentMax >= liveFrom }) { break }
      dead += run.tables
    }
    return dead.isEmpty ? nil : dead.reversed()
  }

  /// The oldest table again, when it makes two thirds of the index dead: what little lives of a
  /// store that shrank. A table that was the whole index of a full store makes half of it dead just
  /// when it leaves whole. Its segments tell how much of it is dead.
  private func sweep(_ levels: IndexLevels) -> MergePlan? {
    guard let run = levels.runs.last, !run.isMerging, let counts = run.tables.first?.counts,
      counts.segmentMin < liveFrom, liveFrom <= counts.segmentMax
    else { return nil }
    let share = counts.deadShare(liveFrom: liveFrom)
    let all = tables.reduce(0) { $0 + $1.fileBytes }
    guard share * Double(run.bytes) >= Double(all) * 2 / 3 else { return nil }
    return plan([run], run.level)
  }
}
