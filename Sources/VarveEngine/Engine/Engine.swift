// The store: pages by (namespace, page id), kept in a value log, found through an LSM index.
// This class only joins its parts; each call's story is in the `Engine+…` file of its name.
//
// Lock order, outermost first: edits (namespaces), repairs, resizing → removals → admission
// (segments) → flushing → manifest; merging → index → segment table, namespace numbers. In-flight
// table, ledgers and waiters take no other lock.

internal import Logging
internal import Synchronization
package import VarveBase
internal import VarveFile

/// One open store. All calls may come from any thread.
package final class Engine: Sendable {
  package let configuration: EngineConfiguration
  package let counters: EngineCounters
  package let latencies: [LatencyHistogram]
  /// 16 bytes in hex that differ from every other start of the store.
  package let bootID: String

  let files: any FileSystem
  let clock: any Clock
  let ledger: MemoryLedger
  let logger: Logger
  /// Let go when the engine closes.
  let lock: Locked<(any FileLock)?>
  let manifest: ManifestStore
  let namespaceTable: NamespaceTable
  let keeper: SegmentKeeper
  let index: IndexKeeper
  let fingerprints: Fingerprints
  let log: ValueLog
  let staging: StagingPool
  let arena: PageArena
  let io: IOPool
  let inFlight = InFlightPuts()
  let syncWaiters = SyncWaiters()
  let putNanos: LatencyHistogram
  let readNanos: LatencyHistogram
  let syncNanos: LatencyHistogram
  let stallNanos: LatencyHistogram
  let quarantined = Counter("pages_quarantined_total", "Pages taken out of service as damaged")
  /// Serializes edits of namespaces.
  let edits = Locked(())
  /// Serializes repairs after failed syncs: how many failures have been repaired.
  let repairs = Locked(UInt64(0))
  /// Serializes deletes and quarantines.
  let removals = Locked(())
  /// Serializes changes of the capacity.
  let resizing = Locked(())
  let threads = BackgroundThreads()
  private let sequence: Atomic<UInt64>
  private let closed = Atomic<Bool>(false)
  private let readOnly: Locked<String?>

  init(_ parts: EngineParts, logger: Logger) {
    configuration = parts.configuration
    counters = parts.counters
    bootID = parts.bootID
    files = parts.files
    clock = parts.clock
    ledger = parts.ledger
    self.logger = logger
    lock = Locked(parts.lock)
    manifest = parts.manifest
    namespaceTable = parts.namespaces
    keeper = parts.keeper
    index = parts.index
    fingerprints = parts.fingerprints
    log = parts.log
    staging = parts.staging
    arena = parts.arena
    io = parts.io
    putNanos = LatencyHistogram("extent_append_seconds", "Writing one extent to the log")
    readNanos = LatencyHistogram("page_batch_read_seconds", "Reading one batch of pages")
    syncNanos = LatencyHistogram("log_sync_seconds", "One group commit")
    stallNanos = LatencyHistogram("put_stall_seconds", "Puts held back by the index")
    latencies = [putNanos, readNanos, syncNanos, stallNanos]
    sequence = Atomic(parts.lastSequence)
    readOnly = Locked(nil)
    if let failure = parts.syncFailure {
      // The log refuses to sync as well, so that no table and no answer calls the tail durable.
      log.state.update { $0.failure = failure }
      becomeReadOnly("what the last stop left could not be synced: \(failure)")
    }
  }

  /// What pages expire by.
  var nowSeconds: UInt64 { clock.wallMillis() / 1000 }

  var isClosed: Bool { closed.load(ordering: .acquiring) }

  // MARK: - Writability

  package var readOnlyReason: String? { readOnly.withLock { $0 } }

  package var isWritable: Bool { readOnlyReason == nil && !isClosed }

  func checkWritable() throws(EngineError) {
    guard !isClosed else { throw .closed }
    if let reason = readOnlyReason { throw .readOnly(reason: reason) }
  }

  /// From here on puts are refused and gets go on. The first reason stays.
  func becomeReadOnly(_ reason: String) {
    let isFirst = readOnly.withLock { current in
      if current == nil { current = reason }
      return current == reason
    }
    if isFirst { logger.critical("the store is read-only now: \(reason)") }
    syncWaiters.fail()
  }

  // MARK: - Sequences

  /// `count` consecutive numbers for births and deletes; the first of them. Relaxed: their order
  /// with the index is made by its lock.
  func takeSequences(_ count: Int) -> UInt64 {
    sequence.wrappingAdd(UInt64(count), ordering: .relaxed).oldValue + 1
  }

  var lastSequence: UInt64 { sequence.load(ordering: .relaxed) }

  // MARK: - Shared steps

  func commit(_ edits: [ManifestEdit]) throws(EngineError) {
    do {
      try manifest.commit(edits)
    } catch {
      becomeReadOnly("the manifest cannot be written: \(error)")
      throw .readOnly(reason: readOnlyReason ?? "\(error)")
    }
  }

  /// What a failed append means to the caller of a delete.
  func refused(_ error: LogError) -> EngineError {
    switch error {
    case .closed: return .closed
    case .syncFailed:
      // The first failure costs what was not synced; the second within a minute ends writing.
      guard log.failure != nil else { return .storage("\(error)") }
      becomeReadOnly("\(error)")
      return .readOnly(reason: "\(error)")
    default: return .storage("\(error)")
    }
  }

  /// Runs a job on the bounded pool of I/O threads; throws `.queueFull` instead of growing.
  package func background(
    for claimant: Claimant = .engine, cost: Int = IOPool.smallJobBytes,
    _ job: @escaping @Sendable () -> Void
  ) throws(EngineError) {
    guard io.submit(for: claimant, cost: cost, job) else {
      throw .queueFull(limit: Limits.ioQueueMax)
    }
  }

  // MARK: - Closing

  /// Syncs, stops the threads and lets the directory go. The memtable is not flushed: the log has
  /// all of it, and the next start reads its tail.
  package func close() {
    guard !closed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    io.close()
    index.stopMerging()
    threads.stop()
    do {
      try log.close(sealing: false)
    } catch {
      logger.error("the log was not closed cleanly: \(error)")
    }
    syncWaiters.fail()
    lock.withLock { $0 = nil }
  }
}
