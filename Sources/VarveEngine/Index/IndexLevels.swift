// The tables in force as the shape sees them: sorted runs, newest first, each in a level.
//
// A table's own level is the one it was formed for. The level it counts in follows from that, from
// its size and from the shape of now, so that a change of T, K or Z moves nothing by itself:
//
// - the last level is the first that holds all bytes there are;
// - a run stands no higher up than its size asks for: a run that outgrew its level, or whose level
//   shrank with T, is at once further down;
// - a newer run is never further down than an older one.

internal import VarveBase

package struct IndexLevels: Equatable, Sendable {
  package struct Run: Equatable, Sendable {
    /// One table; several while they are being merged, which count as what comes out.
    package var tables: [TableSummary]
    package var level: Int
    package var isMerging: Bool

    package var bytes: UInt64 { tables.reduce(0) { $0 + $1.fileBytes } }

    /// As the picker sees it.
    var sorted: SortedRun { SortedRun(bytes: bytes, level: level, isMerging: isMerging) }
  }

  /// Newest first; levels never fall.
  package let runs: [Run]
  /// Number of the last level.
  package let last: Int
  /// What says so.
  let picker: RunPicker

  /// - Parameters:
  ///   - tables: newest first.
  ///   - merging: plans under way; their inputs are among `tables`, each in one plan.
  package init(
    _ tables: [TableSummary], _ shape: IndexShape, flushBytes: UInt64, merging: [MergePlan] = []
  ) {
    picker = shape.picker(flushBytes: flushBytes)
    var runs: [Run] = []
    var left = tables[...]
    while let table = left.first {
      if let plan = merging.first(where: { $0.inputs.first?.number == table.number }) {
        precondition(
          left.prefix(plan.inputs.count).elementsEqual(plan.inputs),
          "the inputs of a merge are neighbours in age")
        runs.append(Run(tables: plan.inputs, level: Int(plan.level), isMerging: true))
        left = left.dropFirst(plan.inputs.count)
      } else {
        runs.append(Run(tables: [table], level: Int(table.level), isMerging: false))
        left = left.dropFirst()
      }
    }
    var placed = runs.map(\.sorted)
    last = picker.place(&placed)
    for index in runs.indices { runs[index].level = placed[index].level }
    self.runs = runs
  }

  /// Most runs of a level: Z in the last, K above it.
  package func runsMax(_ level: Int) -> Int { picker.runsMax(level, last: last) }

  package func capacity(_ level: Int) -> UInt64 { picker.capacity(level) }

  /// Runs of a level, newest first.
  package func runs(in level: Int) -> [Run] { runs.filter { $0.level == level } }
}
