// The index in motion: the memtable that takes inserts, the one being flushed, the tables, and the
// steps between them. Reading is `IndexSnapshot`'s; deciding what to merge is `Picker`'s.

internal import Logging
internal import VarveBase
internal import VarveFile

/// Owns the snapshot in force. Inserting holds `state` for the length of a hash insert; flush and
/// merge run one at a time, outside of it.
final class IndexKeeper: Sendable {
  private struct State {
    var snapshot: IndexSnapshot
    /// Memtable bytes taken from the ledger.
    var ledgerBytes = 0
  }

  /// A memtable on its way to a table, with what its table will let the manifest claim.
  private struct Flushing {
    let memtable: Memtable
    let replayFrom: LogPosition
    let lastSequence: UInt64
  }

  struct Numbers: Sendable {
    var tables: Int
    var bytes: UInt64
    var level: LevelStatistics
  }

  let indexCounters: IndexCounters
  private let memtableBytes: Int
  private let directory: TableDirectory
  private let manifest: ManifestStore
  private let keeper: SegmentKeeper
  private let namespaces: NamespaceTable
  private let clock: any Clock
  private let ledger: MemoryLedger
  private let state: Locked<State>
  /// One flush or merge at a time.
  private let work: Locked<Flushing?>
  /// No table takes a number below this.
  private let nextNumber = Locked(UInt64(0))
  /// Changed after each flush, for puts that wait for room.
  private let flushes = Monitor<UInt64>(0)
  private let shape: IndexShape

  init(
    directory: TableDirectory, tables: [Table], manifest: ManifestStore, keeper: SegmentKeeper,
    namespaces: NamespaceTable, clock: any Clock, ledger: MemoryLedger, memtableBytes: Int,
    shape: IndexShape
  ) {
    self.shape = shape
    self.directory = directory
    self.manifest = manifest
    self.keeper = keeper
    self.namespaces = namespaces
    self.clock = clock
    self.ledger = ledger
    self.memtableBytes = memtableBytes
    indexCounters = directory.counters
    state = Locked(
      State(
        snapshot: IndexSnapshot(
          memtables: [Memtable()], tables: tables, counters: directory.counters)))
    work = Locked(nil)
  }

  func snapshot() -> IndexSnapshot { state.withLock { $0.snapshot } }

  // MARK: - Inserting

  /// Adds records; true when the memtable is full and wants a flush.
  @discardableResult
  func insert(_ records: [PageRecord]) -> Bool {
    change { memtable in for record in records { memtable.insert(record) } }
  }

  @discardableResult
  func delete(_ tombstones: [Tombstone]) -> Bool {
    change { memtable in for tombstone in tombstones { memtable.delete(tombstone) } }
  }

  private func change(_ body: (Memtable) -> Void) -> Bool {
    state.withLock { state in
      let memtable = state.snapshot.memtables[0]
      body(memtable)
      account(&state)
      return memtable.byteCount >= memtableBytes
    }
  }

  /// Brings the ledger to what the memtables hold. The insert has happened: where the total leaves
  /// no room, the excess stays uncounted until the flush, which `waitForRoom` bounds.
  private func account(_ state: inout State) {
    let bytes = state.snapshot.memtables.reduce(0) { $0 + $1.byteCount }
    if bytes > state.ledgerBytes {
      guard ledger.reserve(bytes - state.ledgerBytes, for: .memtable) else { return }
    } else {
      ledger.release(state.ledgerBytes - bytes, for: .memtable)
    }
    state.ledgerBytes = bytes
  }

  /// The memtable is twice its size and its flush is behind: puts wait.
  var isBehind: Bool { snapshot().memtables[0].byteCount >= 2 * memtableBytes }

  /// Holds a put back while the index is behind. After ten seconds it goes on: a stuck flush is
  /// told by the log, not by hanging clients.
  func waitForRoom() {
    let deadline = SystemClock().monotonicNanos() + Limits.flushWaitNanosMax
    _ = flushes.wait(until: deadline) { _ in isBehind ? nil : true }
  }

  // MARK: - Flushing

  /// Writes the memtable to a table; false when there was nothing to write (or, with `onlyFull`,
  /// not enough).
  func flush(_ engine: Engine, onlyFull: Bool = false) throws(IndexError) -> Bool {
    try work.withLock { (flushing) throws(IndexError) in
      if flushing == nil {
        let memtable = snapshot().memtables[0]
        guard memtable.byteCount >= (onlyFull ? memtableBytes : 1) else { return false }
        flushing = freeze(engine)
      }
      guard let current = flushing else { return false }
      // A table may only name what is on the disk: after it the log's tail is not verified again.
      do throws(EngineError) {
        try engine.syncNow()
      } catch {
        throw .logNotSynced("\(error)")
      }
      // A flush that failed before is tried again: its memtable is still in the snapshot.
      try write(current)
      flushing = nil
      flushes.update { $0 += 1 }
      return true
    }
  }

  /// During recovery, when nothing is appended: writes a full memtable to a table. All of the log
  /// before `replayFrom` is in it or older, and synced. False when it was not full.
  func flushRecovered(
    replayFrom: LogPosition, lastSequence: UInt64
  ) throws(IndexError) -> Bool {
    try work.withLock { (_) throws(IndexError) in
      guard snapshot().memtables[0].byteCount >= memtableBytes else { return false }
      let memtable = state.withLock { state in
        defer { state.snapshot = state.snapshot.rotated() }
        return state.snapshot.memtables[0]
      }
      try write(
        Flushing(memtable: memtable, replayFrom: replayFrom, lastSequence: lastSequence))
      return true
    }
  }

  /// Everything the log holds before the position taken here is in this memtable or older: records
  /// are inserted before the log counts their extent as applied.
  private func freeze(_ engine: Engine) -> Flushing {
    state.withLock { state in
      let position = engine.log.replayPosition()
      let memtable = state.snapshot.memtables[0]
      state.snapshot = state.snapshot.rotated()
      return Flushing(
        memtable: memtable, replayFrom: position, lastSequence: engine.lastSequence)
    }
  }

  private func write(_ flushing: Flushing) throws(IndexError) {
    let bound = TableSize.upperBound(
      flushing: flushing.memtable, blockBytes: directory.blockBytes)
    let table = try build(bound) { (number) throws(IndexError) in
      try TableBuilder.write(flushing.memtable, to: directory, number: number)
    }
    // An older flush that failed may have been overtaken by nobody: positions only rise.
    var edits: [ManifestEdit] = [
      .replayFrom(flushing.replayFrom), .lastBirth(flushing.lastSequence),
    ]
    if let table { edits.append(.addTable(table.summary)) }
    try manifest.commit(edits)
    state.withLock { state in
      state.snapshot = state.snapshot.flushed(flushing.memtable, to: table)
      account(&state)
    }
  }

  /// Reserves `bound` on disk, builds a file under the next free number, gives back what it did not
  /// take. Under `work`.
  ///
  /// The table is open before the manifest names it: what follows the commit cannot fail. Where the
  /// commit fails, it may be found in force after a crash; so the file stays (and stays counted) as
  /// it is until the next start, and its number is not used again.
  private func build(
    _ bound: UInt64, _ body: (UInt64) throws(IndexError) -> TableSummary?
  ) throws(IndexError) -> Table? {
    do throws(LogError) {
      try keeper.makeRoom(bound)
    } catch {
      throw .noRoom(bytes: bound)
    }
    var used: UInt64 = 0
    defer { keeper.disk.release(bound - used) }
    let number = max(manifest.state.nextFile, nextNumber.withLock { $0 })
    try directory.removeStray(number)
    guard let summary = try body(number) else { return nil }
    let table: Table
    do throws(IndexError) {
      table = try directory.open(summary)
    } catch {
      // A file that stays behind is removed by the next try or the next start.
      try? directory.removeStray(number)
      throw error
    }
    used = DiskLedger.rounded(summary.fileBytes)
    precondition(used <= bound, "a table of \(used) bytes outgrew its bound of \(bound)")
    nextNumber.withLock { $0 = number + 1 }
    return table
  }

  // MARK: - Merging

  /// One merge, if the shape asks for one.
  func mergeOnce() throws(IndexError) -> Bool {
    try work.withLock { (_) throws(IndexError) in
      guard let plan = Picker.pick(snapshot().tables.map(\.summary), shape) else { return false }
      try merge(plan)
      return true
    }
  }

  /// Everything into one table; false when `keepOn`, told of bytes and records moved, ended it.
  func mergeAll(keepOn: (Int) -> Bool) throws(IndexError) -> Bool {
    try work.withLock { (_) throws(IndexError) in
      guard let plan = Picker.mergeAll(snapshot().tables.map(\.summary)) else { return true }
      return try merge(plan, keepOn: keepOn)
    }
  }

  @discardableResult
  private func merge(
    _ plan: MergePlan, keepOn: (Int) -> Bool = { _ in true }
  ) throws(IndexError) -> Bool {
    let inputs = snapshot().tables.filter { table in plan.inputs.contains(table.summary) }
    let now = clock.wallMillis()
    let live = keeper.table.live
    let alive = namespaces.ids
    let rules = Merge.Rules(
      drop: { namespace, record in
        if !alive.contains(namespace) { return .namespaceRetired }
        guard record.kind == .page else { return nil }
        if !live.contains(record.location.segment) { return .deadSegment }
        return record.expirySeconds != 0 && now / 1000 >= record.expirySeconds ? .expired : nil
      },
      dropTombstonesBelow: manifest.state.lastBirth + 1)
    var isEnded = false
    let bound = plan.outputBytesMax(blockBytes: directory.blockBytes)
    let table = try build(bound) { (number) throws(IndexError) in
      let outcome = try Merge.run(
        plan, inputs, to: directory, number: number, rules: rules, keepOn: keepOn)
      isEnded = outcome == nil
      return outcome?.table
    }
    if isEnded { return false }
    var edits = inputs.map { ManifestEdit.removeTable($0.number) }
    if let table { edits.append(.addTable(table.summary)) }
    try manifest.commit(edits)
    state.withLock { $0.snapshot = $0.snapshot.merged(inputs, to: table) }
    let disk = keeper.disk
    for input in inputs { input.retire { disk.release(DiskLedger.rounded($0)) } }
    return true
  }

  // MARK: - Numbers

  func statistics() -> Numbers {
    let open = snapshot().tables
    let tables = open.map(\.summary)
    let bytes = tables.reduce(0) { $0 + $1.fileBytes }
    return Numbers(
      tables: tables.count, bytes: bytes,
      level: LevelStatistics(
        level: 0, runs: UInt32(tables.count), runsMax: UInt32(shape.tablesMax),
        entries: tables.reduce(0) { $0 + $1.counts.records }, bytes: bytes,
        filterBytes: open.reduce(0) { $0 + UInt64($1.filter.byteCount) }))
  }
}
