// What the index knows at one moment: memtables and tables, newest first. Lookups take a snapshot
// and need no lock of the engine.

internal import VarveBase

/// What the index says of a name.
package enum IndexAnswer: Equatable, Sendable {
  case page(PageRecord)
  case deleted(sequence: UInt64)
  case absent
}

/// Immutable but for its first memtable, which goes on growing; a new list is a new snapshot.
///
/// The record with the highest sequence counts, whichever part holds it. Parts are asked newest
/// first, and the search ends where no part left can hold a higher sequence, which is after the
/// first find as long as births enter the index in their order.
package final class IndexSnapshot: Sendable {
  /// The first takes inserts, the others are frozen.
  package let memtables: [Memtable]
  package let tables: [Table]
  let counters: IndexCounters

  package init(memtables: [Memtable], tables: [Table], counters: IndexCounters) {
    for (newer, older) in zip(tables, tables.dropFirst()) {
      precondition(newer.summary.order > older.summary.order, "tables out of order")
    }
    self.memtables = memtables
    self.tables = tables
    self.counters = counters
  }

  /// With a fresh memtable in front; the one before it is frozen.
  package func rotated() -> IndexSnapshot {
    memtables.first?.freeze()
    return IndexSnapshot(
      memtables: [Memtable()] + memtables, tables: tables, counters: counters)
  }

  /// With `table` in the place of the frozen `memtable` it was made of; nil: it was empty.
  package func flushed(_ memtable: Memtable, to table: Table?) -> IndexSnapshot {
    let rest = memtables.filter { $0 !== memtable }
    precondition(rest.count + 1 == memtables.count, "flushed a memtable that is not here")
    return IndexSnapshot(memtables: rest, tables: sorted(tables, adding: table), counters: counters)
  }

  /// With `table` in the place of the tables it was merged of; nil: nothing was left.
  package func merged(_ inputs: [Table], to table: Table?) -> IndexSnapshot {
    let rest = tables.filter { table in !inputs.contains { $0 === table } }
    precondition(rest.count + inputs.count == tables.count, "merged a table that is not here")
    return IndexSnapshot(
      memtables: memtables, tables: sorted(rest, adding: table), counters: counters)
  }

  private func sorted(_ tables: [Table], adding table: Table?) -> [Table] {
    guard let table else { return tables }
    return (tables + [table]).sorted { $0.summary.order > $1.summary.order }
  }

  /// What the index says of `name`, by its id alone. Whether the page's segment still lives is the
  /// caller's to know.
  package func find(_ name: PageName) throws(IndexError) -> IndexAnswer {
    var probe = IndexProbe(self)
    var newest: MemtableEntry?
    for memtable in memtables {
      guard let entry = memtable.find(name) else { continue }
      if let newest, !entry.record.wins(over: newest.record) { continue }
      newest = entry
    }
    guard let found = try probe.findByID(name, TableFilter.hash(name), above: newest) else {
      return .absent
    }
    switch found {
    case .page(let page): return .page(page)
    case .deleted(let tombstone): return .deleted(sequence: tombstone.sequence)
    }
  }
}
