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
  }

  package let shape: IndexShape
  package let flushBytes: UInt64
  /// Newest first; levels never fall.
  package let runs: [Run]
  /// Number of the last level.
  package let last: Int

  /// - Parameters:
  ///   - tables: newest first.
  ///   - merging: plans under way; their inputs are among `tables`, each in one plan.
  package init(
    _ tables: [TableSummary], _ shape: IndexShape, flushBytes: UInt64, merging: [MergePlan] = []
  ) {
    self.shape = shape
    self.flushBytes = flushBytes
    last = shape.level(
      of: tables.reduce(0) { $0 + $1.fileBytes }, flushBytes: flushBytes)
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
    var lowest = last
    for index in runs.indices.reversed() {
      let bySize = shape.level(of: runs[index].bytes, flushBytes: flushBytes)
      lowest = min(max(runs[index].level, bySize), lowest)
      runs[index].level = lowest
    }
    self.runs = runs
  }

  /// Most runs of a level: Z in the last, K above it.
  package func runsMax(_ level: Int) -> Int {
    level >= last ? shape.lastRunsMax : shape.innerRunsMax
  }

  package func capacity(_ level: Int) -> UInt64 {
    shape.levelBytes(level, flushBytes: flushBytes)
  }

  /// Bytes that one run of a level may have to be added to: K runs of this size fill it.
  package func runBytesMax(_ level: Int) -> UInt64 {
    capacity(level) / UInt64(runsMax(level))
  }

  /// Runs of a level, newest first.
  package func runs(in level: Int) -> [Run] { runs.filter { $0.level == level } }
}
