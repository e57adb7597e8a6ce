// What an engine is opened with. Every number is checked in `validate()`, whose errors name the
// value and the limit; the daemon turns them into exit code 2.

internal import VarveBase

/// Settings of one store. Sizes in bytes.
package struct EngineConfiguration: Sendable {
  /// The data directory; made if missing (mode 0700).
  package var directory: String
  /// Bound of the blocks of every file under the directory.
  package var capacityBytes: UInt64
  /// What the file system keeps free whatever the capacity says; nil = 2 % of it.
  package var minFreeBytes: UInt64?
  /// Size of a value-log file; nil = capacity / 64 rounded down to a power of two, 4 … 256 MiB.
  package var segmentBytes: UInt32?
  /// Memory for hot pages.
  package var arenaBytes: Int
  /// Memory for pages being received.
  package var stagingBytes: Int
  /// Records a memtable holds before it is flushed to a table.
  package var memtableBytes: Int
  package var blockCacheBytes: Int
  /// Longest time a page acknowledged without `durable` stays unsynced.
  package var syncIntervalMillis: Int
  package var ioThreads: Int
  /// Open a directory with O_DIRECT where the file system gives it.
  package var directIO: Bool
  /// Shape of the index that it starts with.
  package var shape = IndexShape()
  /// Filter bits a name over all tables.
  package var filterBitsPerName = Limits.filterBitsPerNameDefault
  /// Threads that merge tables.
  package var mergeThreads = Limits.mergeThreadsDefault
  /// Bytes a second that merges read and write, all together; nil for no bound. Passed where puts
  /// would have to wait for merges.
  package var mergeBytesPerSecond: Double? = Limits.mergeBytesPerSecondDefault
  /// Keep a fingerprint of every page in memory, about 9 bytes each, as far as there is room.
  package var hasFingerprints = true
  /// Bytes of index records a table's block is filled to.
  package var tableBlockBytes = Limits.tableBlockBytes
  /// Bytes of a manifest file after which a new one is begun.
  package var manifestRollBytes = Limits.manifestBytesBeforeRoll
  /// Bytes of the capacity that manifest and namespaces may take; other than the default only in
  /// tests, whose stores are small.
  package var manifestBytesReserved = Limits.manifestBytesReserved
  /// Runs the store on its caller's thread alone; nil in production.
  package var simulation: Simulation?

  /// A store without threads whose every run with one seed is the same: I/O jobs run where they are
  /// submitted, background steps when they are called (`syncStep`, `indexStep`), and random numbers
  /// come from the seed. Segments may be smaller than in production.
  package struct Simulation: Sendable {
    package var seed: UInt64

    package init(seed: UInt64) { self.seed = seed }
  }

  package init(directory: String, capacityBytes: UInt64) {
    self.directory = directory
    self.capacityBytes = capacityBytes
    arenaBytes = 256 << 20
    stagingBytes = 256 << 20
    memtableBytes = Limits.memtableBytesDefault
    blockCacheBytes = 64 << 20
    syncIntervalMillis = Limits.syncIntervalMillisMax
    ioThreads = 4
    directIO = true
  }

  /// The index's knobs at the start.
  package var tuning: IndexTuning {
    IndexTuning(
      shape: shape, memtableBytes: memtableBytes, filterBitsPerName: filterBitsPerName)
  }

  /// The segment size in force.
  package var segmentBytesInForce: UInt32 {
    if let segmentBytes { return segmentBytes }
    var size = UInt64(Limits.segmentBytesMax)
    while size > UInt64(Limits.segmentBytesMin), size > capacityBytes / 64 { size /= 2 }
    return UInt32(size)
  }

  /// The largest page a namespace may hold: half a segment.
  package var pageBytesMax: UInt32 { segmentBytesInForce / 2 }

  /// One clear sentence for the first setting that cannot be used; nil when all can.
  package func problem() -> String? {
    let segment = UInt64(segmentBytesInForce)
    let least = UInt64(
      simulation == nil ? Limits.segmentBytesMin : Limits.segmentBytesSimulatedMin)
    let most = UInt64(Limits.segmentBytesMax)
    if segment < least || segment > most || segment % UInt64(Limits.blockBytes) != 0 {
      return "segment_bytes \(segment) must be a multiple of 4096 from \(least) to \(most)"
    }
    let capacityLeast = segment * UInt64(Limits.segmentsMin)
    if capacityBytes < capacityLeast {
      return "capacity \(capacityBytes) is below \(capacityLeast) "
        + "(\(Limits.segmentsMin) segments of \(segment) bytes)"
    }
    if syncIntervalMillis < 1 || syncIntervalMillis > Limits.syncIntervalMillisMax {
      return "sync_interval_ms \(syncIntervalMillis) must be 1 to \(Limits.syncIntervalMillisMax)"
    }
    if tableBlockBytes < 1 || tableBlockBytes > Limits.tableBlockBytes {
      return "table block bytes \(tableBlockBytes) must be 1 to \(Limits.tableBlockBytes)"
    }
    if mergeThreads < 1 || mergeThreads > Limits.mergeThreadsMax {
      return "merge threads \(mergeThreads) must be 1 to \(Limits.mergeThreadsMax)"
    }
    if let rate = mergeBytesPerSecond, !(rate >= Limits.mergeBytesPerSecondMin && rate.isFinite) {
      return "merge bytes per second \(rate) must be at least \(Limits.mergeBytesPerSecondMin)"
    }
    if let problem = tuning.problem { return "the index: \(problem)" }
    if ioThreads < 1 || ioThreads > Limits.ioThreadsMax {
      return "io threads \(ioThreads) must be 1 to \(Limits.ioThreadsMax)"
    }
    return nil
  }
}
