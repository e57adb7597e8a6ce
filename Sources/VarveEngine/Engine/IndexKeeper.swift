// The index in motion: the memtable that takes inserts, the ones being flushed, the tables, the
// knobs in force. Its steps are in `IndexKeeper+Flush` and `IndexKeeper+Merge`; reading is
// `IndexSnapshot`'s; deciding what to merge is `Picker`'s.

internal import VarveBase
internal import VarveFile

/// Owns the snapshot in force. Inserting holds `state` for the length of a hash insert. Flushes run
/// one at a time, merges of different tables beside them and beside each other.
final class IndexKeeper: Sendable {
  struct State {
    var snapshot: IndexSnapshot
    /// Memtable bytes taken from the ledger.
    var ledgerBytes = 0
    var tuning: IndexTuning
    /// Level 0 has more runs than any shape wants.
    var isCrowded = false
  }

  /// A memtable on its way to a table, with what its table will let the manifest claim.
  struct Flushing {
    let memtable: Memtable
    let replayFrom: LogPosition
    let lastSequence: UInt64
  }

  let indexCounters: IndexCounters
  let directory: TableDirectory
  let manifest: ManifestStore
  let keeper: SegmentKeeper
  let namespaces: NamespaceTable
  let clock: any Clock
  let state: Locked<State>
  /// One flush at a time; one that failed is kept here.
  let flushing = Locked<Flushing?>(nil)
  /// Flushes and merges done, for puts that wait.
  let steps = Monitor<UInt64>(0)
  let merging = Monitor(Merging())
  let budget: MergeBudget
  private let fingerprints: Fingerprints
  private let ledger: MemoryLedger
  /// No table takes a number below this.
  private let nextNumber = Locked(UInt64(0))

  init(
    directory: TableDirectory, tables: [Table], manifest: ManifestStore, keeper: SegmentKeeper,
    namespaces: NamespaceTable, clock: any Clock, ledger: MemoryLedger,
    fingerprints: Fingerprints, tuning: IndexTuning, budget: MergeBudget
  ) {
    self.budget = budget
    self.fingerprints = fingerprints
    self.directory = directory
    self.manifest = manifest
    self.keeper = keeper
    self.namespaces = namespaces
    self.clock = clock
    self.ledger = ledger
    indexCounters = directory.counters
    state = Locked(
      State(
        snapshot: IndexSnapshot(
          memtables: [Memtable()], tables: tables, counters: directory.counters),
        tuning: tuning))
  }

  func snapshot() -> IndexSnapshot { state.withLock { $0.snapshot } }

  // MARK: - Tuning

  var tuning: IndexTuning { state.withLock { $0.tuning } }

  /// Takes force for the next flush and for runs formed from now on.
  func tune(_ tuning: IndexTuning, joining: Bool) {
    precondition(tuning.problem == nil, "a tuning out of its bounds")
    state.withLock { $0.tuning = tuning }
    if joining { merging.update { $0.joins = true } }
  }

  /// Filter bits a name for a run that is about to be formed in the place of `inputs`: so a knob
  /// that was moved takes force.
  func filterBits(names: UInt64, bytes: UInt64, replacing inputs: [TableSummary]) -> Double {
    let (tables, tuning) = state.withLock { ($0.snapshot.tables.map(\.summary), $0.tuning) }
    let gone = Set(inputs.map(\.number))
    let beside = tables.filter { !gone.contains($0.number) }
    return FilterPlan.bitsPerName(names: names, bytes: bytes, beside: beside, tuning)
  }

  // MARK: - Inserting

  /// Adds records; true when the memtable is full and wants a flush.
  @discardableResult
  func insert(_ records: [PageRecord]) -> Bool {
    announce(records)
    return change { memtable in for record in records { memtable.insert(record) } }
  }

  /// Adds a record in the place of the copy that counted until now, if there was one.
  func insert(_ record: PageRecord, ending loser: PageRecord?) {
    announce([record])
    _ = change { memtable in memtable.insert(record, ending: loser) }
  }

  /// Ends names, each with the copy that counted until now, if there was one.
  func delete(_ tombstones: [(tombstone: Tombstone, page: PageRecord?)]) {
    fingerprints.remove(names: tombstones.lazy.map(\.tombstone.name))
    _ = change { memtable in
      for (tombstone, page) in tombstones { memtable.delete(tombstone, ending: page) }
    }
  }

  /// Memory knows of pages before they can be found, so that what it calls absent is absent.
  private func announce(_ records: [PageRecord]) {
    var facts = NamespaceFacts(namespaces)
    for record in records { facts.note(record) }
    fingerprints.insert(records)
  }

  private func change(_ body: (Memtable) -> Void) -> Bool {
    state.withLock { state in
      let memtable = state.snapshot.memtables[0]
      body(memtable)
      account(&state)
      return memtable.byteCount >= state.tuning.memtableBytes
    }
  }

  /// Brings the ledger to what the memtables hold. The insert has happened: where the total leaves
  /// no room, the excess stays uncounted until the flush, which `waitForRoom` bounds.
  func account(_ state: inout State) {
    let bytes = state.snapshot.memtables.reduce(0) { $0 + $1.byteCount }
    if bytes > state.ledgerBytes {
      guard ledger.reserve(bytes - state.ledgerBytes, for: .memtable) else { return }
    } else {
      ledger.release(state.ledgerBytes - bytes, for: .memtable)
    }
    state.ledgerBytes = bytes
  }

  // MARK: - Stalls

  /// Why puts wait.
  enum Behind {
    /// The memtable is twice its size and its flush is not done.
    case flush
    /// More runs came than merges took away.
    case merges

    /// A put goes on after this: a step that is stuck is told by the log, not by hanging clients.
    var waitNanosMax: UInt64 {
      switch self {
      case .flush: Limits.flushWaitNanosMax
      case .merges: Limits.mergeWaitNanosMax
      }
    }
  }

  var behind: Behind? {
    state.withLock { state in
      let bytes = state.snapshot.memtables[0].byteCount
      if bytes >= 2 * state.tuning.memtableBytes { return .flush }
      return state.isCrowded ? .merges : nil
    }
  }

  /// Holds a put back while the index is behind.
  func waitForRoom() {
    guard let behind else { return }
    let deadline = SystemClock().monotonicNanos() + behind.waitNanosMax
    _ = steps.wait(until: deadline) { _ in self.behind == nil ? true : nil }
  }

  /// Puts another list of tables in force.
  func install(_ change: (IndexSnapshot) -> IndexSnapshot) {
    state.withLock { state in
      state.snapshot = change(state.snapshot)
      account(&state)
      let tuning = state.tuning
      let levels = IndexLevels(
        state.snapshot.tables.map(\.summary), tuning.shape, flushBytes: tuning.flushBytes)
      state.isCrowded = levels.runs(in: 0).count > Limits.topRunsMax
    }
    steps.update { $0 += 1 }
  }

  // MARK: - Table files

  /// Reserves `bound` on disk, builds a file under a number of its own, gives back what it did not
  /// take. For several threads.
  ///
  /// The table is open before the manifest names it: what follows the commit cannot fail. Where the
  /// commit fails, it may be found in force after a crash; so the file stays (and stays counted) as
  /// it is until the next start, and its number is not used again.
  func build(
    _ bound: UInt64, _ body: (UInt64) throws(IndexError) -> TableSummary?
  ) throws(IndexError) -> Table? {
    do throws(LogError) {
      try keeper.makeRoom(bound)
    } catch {
      throw .noRoom(bytes: bound)
    }
    var used: UInt64 = 0
    defer { keeper.disk.release(bound - used) }
    let number = nextNumber.withLock { next in
      let number = max(manifest.state.nextFile, next)
      next = number + 1
      return number
    }
    do throws(IndexError) {
      guard let summary = try body(number) else {
        try directory.removeStray(number)
        return nil
      }
      let table = try directory.open(summary)
      used = DiskLedger.rounded(summary.fileBytes)
      precondition(used <= bound, "a table of \(used) bytes outgrew its bound of \(bound)")
      return table
    } catch {
      // What cannot be removed stays counted until the next start, which removes it.
      if (try? directory.removeStray(number)) == nil { used = bound }
      throw error
    }
  }
}
