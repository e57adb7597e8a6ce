// Which tables to merge next: a pure function of what the manifest knows.

internal import VarveBase

/// The shape the tree is kept in. The Fluid LSM's T, K and Z will be fields of this.
package struct IndexShape: Equatable, Sendable {
  /// More tables than this are merged.
  package var tablesMax: Int

  package init(tablesMax: Int = Limits.tablesBeforeMerge) {
    precondition(tablesMax > 0, "tablesMax \(tablesMax) must be at least 1")
    self.tablesMax = tablesMax
  }
}

/// A merge to do.
package struct MergePlan: Equatable, Sendable {
  /// Newest first, neighbours in age.
  package var inputs: [TableSummary]
  package var level: UInt8
  /// No table outside holds an older record of any key: what is dead may go.
  package var isBottom: Bool

  package init(inputs: [TableSummary], level: UInt8 = 0, isBottom: Bool) {
    precondition(!inputs.isEmpty, "a merge has inputs")
    self.inputs = inputs
    self.level = level
    self.isBottom = isBottom
  }

  /// The age of what comes out.
  package var order: UInt64 { inputs.reduce(0) { max($0, $1.order) } }
  /// The file that comes out is not longer.
  package var outputBytesMax: UInt64 { outputBytesMax(blockBytes: Limits.tableBlockBytes) }

  package func outputBytesMax(blockBytes: Int) -> UInt64 {
    TableSize.upperBound(merging: inputs, blockBytes: blockBytes)
  }
}

package enum Picker {
  /// The next merge for `tables` (newest first, none being merged), or nil when there is none.
  package static func pick(_ tables: [TableSummary], _ shape: IndexShape) -> MergePlan? {
    // Few enough: every lookup asks a bounded number of filters.
    if tables.count <= shape.tablesMax { return nil }
    // The one rule of now: merge all into one.
    return mergeAll(tables)
  }

  /// Everything into one table: what the rule gives, and what Compact asks for. Nil when there is
  /// nothing to merge.
  package static func mergeAll(_ tables: [TableSummary]) -> MergePlan? {
    tables.isEmpty ? nil : MergePlan(inputs: tables, isBottom: true)
  }
}
