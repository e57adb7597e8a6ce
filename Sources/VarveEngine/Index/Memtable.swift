// The newest records, in memory until they are flushed to a table. Looked up by name only: path
// records are made when it is flushed.

package import VarveBase

/// What a memtable says of a name.
package enum MemtableEntry: Equatable, Sendable {
  case page(PageRecord)
  case deleted(Tombstone)

  package var record: IndexRecord {
    switch self {
    case .page(let page): IndexRecord(page)
    case .deleted(let tombstone): IndexRecord(tombstone)
    }
  }

  package var place: WindowPlace {
    switch self {
    case .page(let page): page.place
    case .deleted(let tombstone): tombstone.place
    }
  }

  package var name: PageName {
    switch self {
    case .page(let page): page.name
    case .deleted(let tombstone): tombstone.name
    }
  }
}

/// A hash table by name behind one lock. Sequences decide, not the order of calls: inserting what
/// is older than what is there changes nothing.
package final class Memtable: Sendable {
  private struct State {
    var entries: [PageName: MemtableEntry] = [:]
    /// Tombstones whose name has a newer entry at another place: that entry's path record will not
    /// cover the old copy's, so these still have to be written.
    var pathTombstones: [Tombstone] = []
    var byteCount = 0
    var flatBytes: UInt64 = 0
    var minSequence = UInt64.max
    var maxSequence: UInt64 = 0
    var isFrozen = false
    var census = PageCensus()

    mutating func put(_ entry: MemtableEntry) -> Bool {
      precondition(!isFrozen, "insert into a frozen memtable")
      let record = entry.record
      minSequence = min(minSequence, record.sequence)
      maxSequence = max(maxSequence, record.sequence)
      guard let old = entries[entry.name] else {
        entries[entry.name] = entry
        byteCount += Memtable.byteCount(of: entry)
        flatBytes += TableSize.flatBytes(of: entry)
        return true
      }
      let wins = record.wins(over: old.record)
      let loser = wins ? old : entry
      if case .deleted(let tombstone) = loser, old.place != entry.place {
        pathTombstones.append(tombstone)
        byteCount += Memtable.byteCount(of: loser)
        flatBytes += TableSize.flatBytes(of: loser)
      }
      guard wins else { return false }
      entries[entry.name] = entry
      byteCount += Memtable.byteCount(of: entry) - Memtable.byteCount(of: old)
      flatBytes += TableSize.flatBytes(of: entry)
      flatBytes -= TableSize.flatBytes(of: old)
      return true
    }
  }

  /// What an entry costs at most: a hash table between a third and two thirds full, and the array
  /// that its place holds.
  package static let entryBytes =
    3 * (MemoryLayout<PageName>.stride + MemoryLayout<MemtableEntry>.stride) + 32

  private let state = Locked(State())

  package init() {}

  /// False when something newer is there.
  ///
  /// - Parameter loser: the copy that counted until now.
  @discardableResult
  package func insert(_ page: PageRecord, ending loser: PageRecord? = nil) -> Bool {
    state.withLock {
      if let loser { $0.census.remove(loser) }
      let wins = $0.put(.page(page))
      if wins { $0.census.add(page) }
      return wins
    }
  }

  /// The pages of a batch; those that lost against something newer are left out
  /// silently, as `insert` would.
  package func insert(contentsOf pages: some Sequence<PageRecord>) {
    for page in pages { insert(page) }
  }

  /// False when a page born later is there; its older copies in tables are covered all the same.
  ///
  /// - Parameter page: the copy that counted until now.
  @discardableResult
  package func delete(_ tombstone: Tombstone, ending page: PageRecord? = nil) -> Bool {
    state.withLock {
      if let page { $0.census.remove(page) }
      return $0.put(.deleted(tombstone))
    }
  }

  package func find(_ name: PageName) -> MemtableEntry? {
    state.withLock { $0.entries[name] }
  }

  /// Entries of `ids` in their order, under one lock; none at all where no id is known.
  package func find(_ namespace: UInt32, _ ids: ArraySlice<PageID>) -> [MemtableEntry?] {
    state.withLock { state in
      if state.entries.isEmpty { return [] }
      var found: [MemtableEntry?] = []
      for (offset, id) in ids.enumerated() {
        guard let entry = state.entries[PageName(namespace: namespace, id: id)] else { continue }
        if found.isEmpty { found = Array(repeating: nil, count: ids.count) }
        found[offset] = entry
      }
      return found
    }
  }

  package var count: Int { state.withLock { $0.entries.count } }
  package var isEmpty: Bool { count == 0 }
  /// Memory held, from above: what the engine takes from the ledger and compares with its limit.
  package var byteCount: Int { state.withLock { $0.byteCount } }
  /// The lowest birth or delete sequence inserted; `.max` when empty.
  package var minSequence: UInt64 { state.withLock { $0.minSequence } }
  /// The highest birth or delete sequence inserted; 0 when empty.
  package var maxSequence: UInt64 { state.withLock { $0.maxSequence } }

  /// How what is in it changes what segments hold.
  package var census: PageCensus { state.withLock { $0.census } }

  /// No table made of what is in it now is longer: what the engine reserves before a flush.
  package var tableBytesMax: UInt64 {
    state.withLock {
      TableSize.upperBound(
        names: UInt64($0.entries.count + $0.pathTombstones.count), flatBytes: $0.flatBytes,
        censusBytes: $0.census.byteCountMax)
    }
  }

  /// From here on inserting is a programmer's error; called before the flush.
  package func freeze() { state.withLock { $0.isFrozen = true } }

  /// Everything in it, in no order.
  package func contents() -> (entries: [MemtableEntry], pathTombstones: [Tombstone]) {
    state.withLock { (Array($0.entries.values), $0.pathTombstones) }
  }

  /// What an entry is charged.
  package static func byteCount(of entry: MemtableEntry) -> Int {
    entryBytes + entry.place.path.count
  }

  /// Every count agrees with what is held.
  package func checkInvariants() {
    state.withLock { state in
      var bytes = 0
      for (name, entry) in state.entries {
        precondition(name == entry.name, "an entry stands under another name")
        precondition(entry.record.sequence <= state.maxSequence, "sequence above the highest")
        precondition(entry.record.sequence >= state.minSequence, "sequence below the lowest")
        bytes += Self.byteCount(of: entry)
      }
      for tombstone in state.pathTombstones {
        bytes += Self.byteCount(of: .deleted(tombstone))
        precondition(state.entries[tombstone.name] != nil, "a path tombstone without its name")
      }
      precondition(bytes == state.byteCount, "bytes \(state.byteCount) counted, \(bytes) held")
    }
  }
}
