// What memory knows of every page: the fingerprint table, and beside it the names that it cannot
// tell about. Whoever makes a page findable tells it here first, so what is absent here is absent.

internal import Logging
internal import Synchronization
internal import VarveBase

/// The table may be given up at any time, when the ledger has no room for it to grow; every look-up
/// goes by the index from then on, until the next start.
final class Fingerprints: Sendable {
  /// Deleted and quarantined names, by their hashes: their copies' entries are still in the table.
  private struct Removed {
    var hashes: Set<UInt64> = []
    /// Grows twofold when what is in it cannot be forgotten.
    var sweepAt = Fingerprints.sweepMin
  }

  private static let sweepMin = 1024
  /// A hash in a set between three eighths and three quarters full.
  private static let removedBytes = 24

  private let table: Locked<FingerprintTable?>
  private let removed = ReadLocked(Removed())
  private let ledger: MemoryLedger
  private let logger: Logger

  let absent = Counter(
    "fingerprint_absent_pages_total", "Pages that the fingerprint table knew to be absent.")
  let maybe = Counter(
    "fingerprint_maybe_pages_total", "Pages that the fingerprint table took for present.")
  let asked = Counter(
    "fingerprint_ask_index_pages_total",
    "Pages that the fingerprint table left to the index: deleted names, segments without a slot.")
  let wrong = Counter(
    "fingerprint_false_pages_total", "Pages taken for present that the index did not confirm.")

  /// - Parameter pages: about as many as there will be soon; nil: no table.
  init(pages: Int?, ledger: MemoryLedger, logger: Logger) {
    self.ledger = ledger
    self.logger = logger
    // What else has no share of its own (filters, connections, requests) must find room as well.
    let bytesMax = ledger.limitBytes / Limits.fingerprintsMemoryPart
    let made = pages.flatMap { FingerprintTable(pages: $0, ledger: ledger, bytesMax: bytesMax) }
    table = Locked(made)
    if let pages, made == nil { tellGivenUp("\(pages) pages") }
  }

  deinit { forgetAllRemoved() }

  var counters: [Counter] { [absent, maybe, asked, wrong] }

  /// The table in force; nil when there is none, or none any more.
  private var current: FingerprintTable? { table.withLock { $0 } }

  var isOn: Bool { current != nil }

  var numbers: FingerprintTable.Numbers? { current?.numbers }

  var removedCount: Int { removed.read { $0.hashes.count } }

  // MARK: - Changing

  func add(segment: UInt64) { current?.add(segment: segment) }

  func remove(segment: UInt64) { current?.remove(segment: segment) }

  /// The pages will be found from now on. Before they can be.
  func insert(_ records: [PageRecord]) {
    guard let table = current else { return }
    let entries = records.map {
      FingerprintEntry(hash: TableFilter.hash($0.name), segment: $0.location.segment)
    }
    insert(entries[...], into: table)
  }

  func insert(_ entries: ArraySlice<FingerprintEntry>) {
    if let table = current { insert(entries, into: table) }
  }

  private func insert(_ entries: ArraySlice<FingerprintEntry>, into table: FingerprintTable) {
    if !table.insert(entries) { giveUp() }
  }

  /// The names are deleted or quarantined. Before anybody is told.
  func remove(names: some Sequence<PageName>) {
    guard let table = current else { return }
    let hashes = names.map(TableFilter.hash)
    remove(hashes: hashes, from: table)
  }

  /// - Parameter hashes: of names that were deleted: those the table knows nothing of are left out.
  func remove(hashes: [UInt64]) {
    guard let table = current else { return }
    remove(hashes: known(hashes, to: table), from: table)
  }

  private func remove(hashes: [UInt64], from table: FingerprintTable) {
    let (hasRoom, isFull) = removed.write { removed in
      let before = removed.hashes.count
      removed.hashes.formUnion(hashes)
      let bytes = (removed.hashes.count - before) * Self.removedBytes
      guard ledger.reserve(bytes, for: .fingerprints) else {
        removed.hashes.removeAll()
        ledger.release(before * Self.removedBytes, for: .fingerprints)
        return (false, false)
      }
      return (true, removed.hashes.count >= removed.sweepAt)
    }
    if !hasRoom { giveUp() } else if isFull { forgetRemoved(table) }
  }

  /// Forgets the names whose copies' segments are gone; where too many are left, the table.
  private func forgetRemoved(_ table: FingerprintTable) {
    let hashes = Array(removed.read { $0.hashes })
    let gone = Set(hashes).subtracting(known(hashes, to: table))
    let left = removed.write { removed in
      let before = removed.hashes.count
      removed.hashes.subtract(gone)
      removed.sweepAt = max(Self.sweepMin, 2 * removed.hashes.count)
      ledger.release((before - removed.hashes.count) * Self.removedBytes, for: .fingerprints)
      return removed.hashes.count
    }
    if left > Limits.fingerprintRemovedMax { giveUp() }
  }

  /// Those of `hashes` that the table has live entries for.
  private func known(_ hashes: [UInt64], to table: FingerprintTable) -> [UInt64] {
    var states: [Fingerprint] = []
    table.find(hashes[...], into: &states)
    return zip(hashes, states).filter { $0.1 != .absent }.map(\.0)
  }

  private func giveUp() {
    let had = table.withLock { table in
      defer { table = nil }
      return table
    }
    guard let had else { return }
    forgetAllRemoved()
    tellGivenUp("\(had.numbers.entries) pages")
  }

  private func forgetAllRemoved() {
    removed.write { removed in
      ledger.release(removed.hashes.count * Self.removedBytes, for: .fingerprints)
      removed = Removed()
    }
  }

  private func tellGivenUp(_ what: String) {
    let why =
      "\(what) and the deleted names need more than their part of the memory limit of "
      + "\(ledger.limitBytes) bytes"
    logger.warning("no fingerprint table until the next start, look-ups read the index: \(why)")
  }

  /// One turn of the index thread.
  func step() {
    guard let table = current else { return }
    if !table.sweepIfNeeded() { giveUp() }
  }

  // MARK: - Asking

  /// How many pages of a batch have each state.
  struct Counts {
    var absent = 0
    var maybe = 0
    var asked = 0
  }

  /// Hashes of the pages `ids`, and what is known of each, in their order; nil without a table.
  func find(
    _ ids: ArraySlice<PageID>, of namespace: UInt32, hashes: inout [UInt64],
    into states: inout [Fingerprint]
  ) -> Counts? {
    guard let table = current else { return nil }
    table.find(ids, of: namespace, hashes: &hashes, into: &states)
    removed.read { removed in
      guard !removed.hashes.isEmpty else { return }
      for index in states.indices
      where states[index] == .maybe && removed.hashes.contains(hashes[index]) {
        states[index] = .askIndex
      }
    }
    return count(states)
  }

  private func count(_ states: [Fingerprint]) -> Counts {
    var counts = Counts()
    for state in states {
      counts.maybe &+= state == .maybe ? 1 : 0
      counts.asked &+= state == .askIndex ? 1 : 0
    }
    counts.absent = states.count - counts.maybe - counts.asked
    if counts.absent > 0 { absent.add(counts.absent) }
    if counts.maybe > 0 { maybe.add(counts.maybe) }
    if counts.asked > 0 { asked.add(counts.asked) }
    return counts
  }

  func checkInvariants() { current?.checkInvariants() }
}
