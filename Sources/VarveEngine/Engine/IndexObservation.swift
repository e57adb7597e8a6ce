// What the tuner is told.

internal import VarveBase

/// Cumulative counts since the start, and where the index stands now.
package struct IndexObservation: Equatable, Sendable {
  // Since the start; they only rise.
  /// Pages asked for that neither memtables nor fingerprints answered, and that the tables did not
  /// hold.
  package var absentPages: UInt64 = 0
  /// Pages asked for that the tables answered with what they hold.
  package var presentPages: UInt64 = 0
  /// Pages asked for in lookups, whoever answered.
  package var lookupPages: UInt64 = 0
  package var putPages: UInt64 = 0
  package var putBytes: UInt64 = 0
  package var gotPages: UInt64 = 0
  package var gotBytes: UInt64 = 0
  /// Index blocks that lookups, gets and puts read from disk, and that they found in memory.
  package var blockReads: UInt64 = 0
  package var blockHits: UInt64 = 0
  /// Tables searched for a name that they did not hold.
  package var falsePasses: UInt64 = 0
  /// Bytes of tables written by flushes; read and written by merges.
  package var flushedBytes: UInt64 = 0
  package var mergeReadBytes: UInt64 = 0
  package var mergeWrittenBytes: UInt64 = 0
  /// Puts held back because the index was behind, and for how long in all.
  package var stalls: UInt64 = 0
  package var stallNanos: UInt64 = 0

  // Now.
  /// Pages and bytes in tables; dead ones count until a merge lets go of them.
  package var indexPages: UInt64 = 0
  /// Of these, the pages that live, by the segments that their tables name.
  package var livePages: UInt64 = 0
  package var indexBytes: UInt64 = 0
  /// The fingerprint table answers for pages that are absent; without it the filters do.
  package var hasFingerprints = false
  /// Memory that filters, block indexes and cached blocks share.
  package var cacheBytes: UInt64 = 0
  /// Memtable bytes of a page, over all flushes; 0 before the first.
  package var memtableBytesPerPage = 0.0
  /// Sorted runs by level, from level 0 to the last.
  package var runs: [UInt32] = []

  package init() {}
}
