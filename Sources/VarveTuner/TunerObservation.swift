// What the tuner is told: the index's counters since the start, and where it stands now.

/// Cumulative counters and gauges at one moment. Pages are pages, whatever call asked for them.
package struct TunerObservation: Equatable, Sendable {
  // Since the start; they only rise.
  /// Pages asked for that were not there and that reached the tables (that neither memtables nor
  /// fingerprints answered).
  package var absentPages: UInt64 = 0
  /// Pages asked for that were there and that reached the tables.
  package var presentPages: UInt64 = 0
  /// Pages asked for in lookups, wherever they were answered.
  package var lookupPages: UInt64 = 0
  package var putPages: UInt64 = 0
  package var putBytes: UInt64 = 0
  package var gotPages: UInt64 = 0
  package var gotBytes: UInt64 = 0
  /// Index blocks that lookups and gets read from disk, and that they found in memory.
  package var blockReads: UInt64 = 0
  package var blockHits: UInt64 = 0
  /// Tables searched for a name that they did not hold, because a filter let it pass.
  package var falsePasses: UInt64 = 0
  /// Bytes of tables written by flushes; read and written by merges.
  package var flushedBytes: UInt64 = 0
  package var mergeReadBytes: UInt64 = 0
  package var mergeWrittenBytes: UInt64 = 0
  /// How long puts were held back because the index was behind.
  package var stallNanos: UInt64 = 0

  // Now.
  /// Pages and bytes in tables.
  package var indexPages: UInt64 = 0
  /// Of these, pages that live; 0 where that is not known.
  package var livePages: UInt64 = 0
  package var indexBytes: UInt64 = 0
  /// Memory that filters, block indexes and cached blocks share.
  package var cacheBytes: UInt64 = 0
  /// Memtable bytes that a page takes.
  package var memtableBytesPerPage: Double = 0
  /// Table bytes that the engine takes a flush for when it sizes levels, of a memtable byte.
  package var unitBytesPerMemtableByte: Double = 0
  /// Runs by level, the newest first.
  package var runs: [UInt32] = []

  package init() {}
}
