// Opening a store: lock, segments, manifest, tables, then the tail of the log. Each step leaves the
// directory as good as it found it, so that a crash at any point is answered by opening again.
// What is damaged is made anew from the segments, and said.

package import Logging
internal import Synchronization
package import VarveBase
package import VarveFile

extension Engine {
  /// Opens or creates the store; blocks until recovery is done.
  package static func open(
    _ configuration: EngineConfiguration, files: any FileSystem, clock: any Clock,
    ledger: MemoryLedger, logger: Logger
  ) throws(EngineOpenError) -> Engine {
    try open(
      EngineOpening(
        configuration: configuration, files: files, clock: clock, ledger: ledger, logger: logger))
  }

  static func open(_ opening: EngineOpening) throws(EngineOpenError) -> Engine {
    if let problem = opening.configuration.problem() { throw .configuration(problem) }
    let engine = Engine(try opening.run(), logger: opening.logger)
    let log = engine.log
    let threads = engine.threads
    engine.keeper.setHooks(
      SegmentKeeper.Hooks(
        sealFull: { () throws(LogError) in try log.sealFull() },
        segmentIsFull: { threads.wakeIndexer() }))
    engine.startThreads()
    return engine
  }
}

/// The steps of opening, in order.
struct EngineOpening {
  let configuration: EngineConfiguration
  let files: any FileSystem
  let clock: any Clock
  let ledger: MemoryLedger
  let logger: Logger
  /// What is there of manifest and tables does not count: `varvectl rebuild-index`.
  var rebuilds = false
  /// With both namespace tables lost, take the names from the footers all the same.
  var acceptsCleared = false
  let counters = EngineCounters()

  var tablesDirectory: String { configuration.directory + "/tables" }
  var segmentsDirectory: String { configuration.directory + "/segments" }

  func run() throws(EngineOpenError) -> EngineParts {
    let lock = try prepareDirectory()
    let listings = try listSegments()
    let arena: PageArena
    do throws(PageReadError) {
      arena = try PageArena(
        byteCount: configuration.arenaBytes, ledger: ledger,
        pretouch: configuration.simulation == nil ? .inBackground : .now)
    } catch {
      throw .configuration("the page arena of \(configuration.arenaBytes) bytes: \(error)")
    }
    let manifest = try openManifest(listings)
    for note in manifest.notes { logger.warning("the manifest: \(note)") }
    do throws(EngineOpenError) {
      return try open(manifest, listings, arena, lock)
    } catch {
      switch error {
      case .damaged(let path, let what):
        logger.error("the index is rebuilt from the segments: \(path) is damaged: \(what)")
      case .outdated(let path, let found, let supported):
        logger.notice(
          """
          the index is rebuilt from the segments: \(path) has format version \(found), this \
          release reads \(supported)
          """)
      default: throw error
      }
      counters.rebuilds.add()
      let anew = try beginManifest(manifest.state.withoutTables())
      return try open(anew, listings, arena, lock)
    }
  }

  /// Everything behind the manifest; throws `.damaged` or `.outdated` for a table that cannot be
  /// used.
  private func open(
    _ manifest: ManifestStore, _ found: [SegmentListing], _ arena: PageArena,
    _ lock: any FileLock
  ) throws(EngineOpenError) -> EngineParts {
    let namespaces = NamespaceTable(
      manifest.state.namespaces.values.map {
        LiveNamespace(id: $0.id, name: $0.name, options: $0.options)
      })
    let disk = DiskLedger(capacity: configuration.capacityBytes)
    disk.adopt(UInt64(configuration.manifestBytesReserved))
    let fingerprints = beginFingerprints(manifest.state)
    let keeper = SegmentKeeper(
      configuration: configuration, disk: disk, files: files, clock: clock, manifest: manifest,
      namespaces: namespaces, arena: arena, counters: counters, logger: logger,
      fingerprints: fingerprints)
    let index = try openIndex(manifest, keeper, namespaces, fingerprints)
    let listings = try adoptSegments(found, keeper, manifest)
    try count(index, keeper, namespaces)
    try fill(fingerprints, index.snapshot().tables, namespaces, live: keeper.table.live)
    var replay = LogReplay(
      index: index, keeper: keeper, namespaces: namespaces, lastSequence: manifest.state.lastBirth)
    try self.replay(listings, manifest, keeper, namespaces, &replay)
    counters.recoveredPages.add(replay.pages)
    while disk.isOver, try storage({ () throws(LogError) in try keeper.evictOldest() }) {}
    try storage { () throws(LogError) in try keeper.evictToMinFree() }
    let random = randomNumbers()
    let bootID = BootID(random(), random())
    // All of the segments there are is in the index now; the log goes on behind them.
    let last = manifest.state.nextSegment - 1
    let log = ValueLog(
      files, directory: segmentsDirectory, segmentBytes: Int(configuration.segmentBytesInForce),
      bootID: bootID, clock: clock, host: keeper,
      start: LogPosition(segment: last, offset: .max), salt: random)
    return EngineParts(
      configuration: configuration, counters: counters, bootID: bootID.hex, files: files,
      clock: clock, ledger: ledger, lock: lock, manifest: manifest, namespaces: namespaces,
      keeper: keeper, index: index, fingerprints: fingerprints, log: log,
      staging: StagingPool(ledger: ledger, byteCountMax: configuration.stagingBytes), arena: arena,
      io: IOPool(threads: configuration.simulation == nil ? configuration.ioThreads : 0),
      lastSequence: replay.lastSequence, syncFailure: replay.syncFailure)
  }

  /// The system's, or a simulation's own: its seed, the segments so far and a counter, so that two
  /// starts of one store do not share their salts.
  private func randomNumbers() -> @Sendable () -> UInt64 {
    guard let simulation = configuration.simulation else {
      return { UInt64.random(in: .min ... .max) }
    }
    let count = Atomic<UInt64>(simulation.seed)
    return {
      // Relaxed: one thread draws. The finalizer of SplitMix64.
      var mixed = count.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  // MARK: - Directory

  private func prepareDirectory() throws(EngineOpenError) -> any FileLock {
    let directory = configuration.directory
    do throws(FileError) {
      try files.createDirectory(directory)
      let lock = try files.lockFile(directory + "/LOCK")
      try files.createDirectory(tablesDirectory)
      try files.createDirectory(segmentsDirectory)
      try files.syncDirectory(directory)
      return lock
    } catch {
      if case .locked(let path, let holder) = error {
        throw .locked(path: "\(path) (\(holder))")
      }
      throw .io(path: directory, what: "\(error)")
    }
  }

  // MARK: - Errors

  /// Damage is what the segments can mend; the rest ends the start.
  func opened(_ error: IndexError) -> EngineOpenError {
    switch error {
    case .unknownVersion(let file, let found, let supported):
      .unknownVersion(path: file, found: found, supported: supported)
    case .outdated(let file, let found, let supported):
      .outdated(path: file, found: found, supported: supported)
    case .corrupt(let file, _, _, _, _), .missing(let file):
      .damaged(path: file, what: "\(error)")
    case .file(.system(.read, let path, Errno.inputOutput, _)):
      .damaged(path: path, what: "\(error)")
    default: .io(path: configuration.directory, what: "\(error)")
    }
  }

  func opened(_ error: LogError) -> EngineOpenError {
    switch error {
    case .unsupportedVersion(let path, let found, let supported):
      .unknownVersion(path: path, found: UInt32(found), supported: UInt32(supported))
    case .foreignByteOrder(let path):
      .io(path: path, what: "it was written by a machine of the other byte order")
    default: .io(path: segmentsDirectory, what: "\(error)")
    }
  }

  func storage<Result>(_ body: () throws(LogError) -> Result) throws(EngineOpenError) -> Result {
    do throws(LogError) {
      return try body()
    } catch {
      throw opened(error)
    }
  }
}
