// What the picker asks for.

internal import VarveBase

/// A merge to do.
package struct MergePlan: Equatable, Sendable {
  /// Newest first, neighbours in age.
  package var inputs: [TableSummary]
  /// The level that the table is formed for.
  package var level: UInt8
  /// No table outside holds an older record of any key: what is dead may go. Merges of other tables
  /// change nothing of that: tables come up newer, or in the place of their inputs.
  package var isBottom: Bool

  package init(inputs: [TableSummary], level: UInt8 = 0, isBottom: Bool) {
    precondition(!inputs.isEmpty, "a merge has inputs")
    self.inputs = inputs
    self.level = level
    self.isBottom = isBottom
  }

  /// What stands for tables while they are dropped.
  init(dropping tables: [TableSummary]) {
    self.init(inputs: tables, level: tables.last?.level ?? 0, isBottom: true)
  }

  /// The age of what comes out.
  package var order: UInt64 { inputs.reduce(0) { max($0, $1.order) } }
  /// The file that comes out is not longer.
  package var outputBytesMax: UInt64 { outputBytesMax(blockBytes: Limits.tableBlockBytes) }

  /// - Parameter censusBytes: of the inputs, from above.
  package func outputBytesMax(
    blockBytes: Int, censusBytes: Int = Varint.byteCountMax
  ) -> UInt64 {
    TableSize.upperBound(merging: inputs, blockBytes: blockBytes, censusBytes: censusBytes)
  }
}

/// One step that keeps the index in shape.
package enum IndexStep: Equatable, Sendable {
  case merge(MergePlan)
  /// Tables that hold nothing and cover nothing: they go without being read.
  case drop([TableSummary])
}
