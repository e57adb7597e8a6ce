// Merging tables into one: streams through the inputs, keeps for every key the record that counts,
// lets go of what is dead. Moves index records only, never a page.

internal import VarveBase

/// Why a record need not be kept.
package enum DropReason: Int, CaseIterable, Sendable {
  /// Its segment is gone.
  case deadSegment
  /// Its namespace id is retired.
  case namespaceRetired
  case expired
}

/// What a merge did.
package struct MergeOutcome: Equatable, Sendable {
  /// Nil when nothing was left to write: there is no file then.
  package var table: TableSummary?
  /// Of inputs read to their end.
  package var bytesRead: UInt64 = 0
  package var recordsIn: UInt64 = 0
  package var recordsOut: UInt64 = 0
  /// Records that a newer one of the same key covered.
  package var superseded: UInt64 = 0
  package var tombstonesDropped: UInt64 = 0
  /// Indexed by `DropReason`.
  package var dropped = [UInt64](repeating: 0, count: DropReason.allCases.count)
}

package enum Merge {
  /// What may be let go of.
  package struct Rules {
    /// Asked for every record that counts. A yes must stay a yes: a lookup may see the page's other
    /// record for some time.
    package var drop: (UInt32, IndexRecord) -> DropReason?
    /// Tombstones below this sequence go (at the bottom): no copy born before may still be on its
    /// way into the index. 0 keeps all.
    package var dropTombstonesBelow: UInt64
    /// What of the inputs' census is still worth a word.
    package var census: (PageCensus) -> PageCensus
    /// There is no other table: where an input carries no census, the output counts its own pages.
    package var isWhole: Bool

    package init(
      drop: @escaping (UInt32, IndexRecord) -> DropReason? = { _, _ in nil },
      dropTombstonesBelow: UInt64, census: @escaping (PageCensus) -> PageCensus = { $0 },
      isWhole: Bool = false
    ) {
      self.drop = drop
      self.dropTombstonesBelow = dropTombstonesBelow
      self.census = census
      self.isWhole = isWhole
    }
  }

  /// Merges the tables of `plan` into table `number`.
  ///
  /// - Parameters:
  ///   - tables: the plan's inputs, open, in its order.
  ///   - bitsPerName: of the filters of the table that comes out.
  ///   - keepOn: called about every 256 KiB with the bytes read and written since the last call;
  ///     may wait to keep a budget, and ends the merge by answering false.
  /// - Returns: nil when `keepOn` ended it; nothing is left behind then.
  package static func run(
    _ plan: MergePlan, _ tables: [Table], to directory: TableDirectory, number: UInt64,
    bitsPerName: Double = Limits.filterBitsPerNameDefault, rules: Rules,
    keepOn: (Int) -> Bool = { _ in true }
  ) throws(IndexError) -> MergeOutcome? {
    precondition(tables.map(\.summary) == plan.inputs, "the tables are not the plan's")
    let names = plan.inputs.reduce(0) { $0 + $1.counts.names }
    let writer = try directory.writer(number: number, names: names, bitsPerName: bitsPerName)
    var outcome = MergeOutcome()
    var inputs: [TableScanner] = []
    for table in tables {
      var scanner = TableScanner(table)
      if try scanner.next() { inputs.append(scanner) }
    }
    var reported: UInt64 = 0
    var steps = 0
    var census = PageCensus.sum(of: tables).map(rules.census)
    let countsAnew = census == nil && rules.isWhole
    if countsAnew { census = PageCensus() }
    while !inputs.isEmpty {
      let winner = try takeWinner(&inputs, &outcome)
      if keeps(winner, plan, rules, &outcome) {
        try writer.add(
          winner.key, winner.record, winner.kind, place: winner.place,
          namespace: winner.namespace)
        outcome.recordsOut += 1
        if countsAnew, winner.kind == .id, winner.record.kind == .page {
          census?.add(
            winner.record.page(winner.namespace, at: WindowPlace(firstAfter: .zero)))
        }
      }
      steps += 1
      if steps % 256 != 0 { continue }
      let moved = inputs.reduce(writer.byteCount + outcome.bytesRead) { $0 + $1.bytesRead }
      if moved - reported >= UInt64(Limits.tableWriteBytes) {
        if !keepOn(Int(moved - reported)) { return nil }
        reported = moved
      }
    }
    if writer.isEmpty { return outcome }
    let (fileBytes, counts) = try writer.finish(census)
    outcome.table = TableSummary(
      number: number, order: plan.order, level: plan.level, fileBytes: fileBytes, counts: counts)
    return outcome
  }

  /// Visits the page of every name whose newest word in `tables` is a page: what counting needs.
  package static func visitPages(
    _ tables: [Table], _ visit: (UInt32, IndexRecord) -> Void
  ) throws(IndexError) {
    var outcome = MergeOutcome()
    var inputs: [TableScanner] = []
    for table in tables {
      var scanner = TableScanner(table)
      if try scanner.next() { inputs.append(scanner) }
    }
    while !inputs.isEmpty {
      let winner = try takeWinner(&inputs, &outcome)
      if winner.kind == .id, winner.record.kind == .page { visit(winner.namespace, winner.record) }
    }
  }

  private struct Winner {
    var key: [UInt8]
    /// Of an id record, as it is written.
    var place: ArraySlice<UInt8>
    var record: IndexRecord
    var kind: IndexKey.Kind
    var namespace: UInt32
  }

  /// Takes all records of the lowest key and gives the one that counts; of equals the newest
  /// table's. Inputs that end leave.
  private static func takeWinner(
    _ inputs: inout [TableScanner], _ outcome: inout MergeOutcome
  ) throws(IndexError) -> Winner {
    var lowest: [Int] = []
    for index in inputs.indices {
      guard let first = lowest.first else {
        lowest = [index]
        continue
      }
      let order = ByteOrder.compare(inputs[index].key, inputs[first].key)
      if order < 0 { lowest = [index] } else if order == 0 { lowest.append(index) }
    }
    var best = lowest[0]
    for index in lowest.dropFirst() where inputs[index].record.wins(over: inputs[best].record) {
      best = index
    }
    let winner = Winner(
      key: inputs[best].key, place: inputs[best].place, record: inputs[best].record,
      kind: inputs[best].kind, namespace: inputs[best].namespace)
    outcome.recordsIn += UInt64(lowest.count)
    outcome.superseded += UInt64(lowest.count - 1)
    for index in lowest.reversed() where try !inputs[index].next() {
      outcome.bytesRead += inputs[index].bytesRead
      inputs.remove(at: index)
    }
    return winner
  }

  private static func keeps(
    _ winner: Winner, _ plan: MergePlan, _ rules: Rules, _ outcome: inout MergeOutcome
  ) -> Bool {
    if let reason = rules.drop(winner.namespace, winner.record) {
      // Above the bottom a dead page still covers older copies of its key; a retired namespace is
      // never asked for again.
      if plan.isBottom || reason == .namespaceRetired {
        outcome.dropped[reason.rawValue] += 1
        return false
      }
    }
    if winner.record.kind == .tombstone, plan.isBottom,
      winner.record.sequence < rules.dropTombstonesBelow
    {
      outcome.tombstonesDropped += 1
      return false
    }
    return true
  }
}
