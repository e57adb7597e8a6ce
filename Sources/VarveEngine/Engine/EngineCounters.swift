// Everything the engine counts. Names are the metrics' without prefix.

package import VarveBase

/// The engine's counters; `all` is what is printed.
package struct EngineCounters: Sendable {
  package let pagesStored = Counter("pages_stored_total", "Pages written to the log")
  package let bytesStored = Counter("page_bytes_stored_total", "Raw bytes of pages stored")
  package let pagesPresent = Counter(
    "pages_already_present_total", "Pages put that were there already")
  package let pagesRefused = Counter(
    "pages_refused_total", "Pages of puts that were not stored, whatever the reason")
  package let checksumMismatches = Counter(
    "put_checksum_mismatches_total", "Pages received whose bytes did not match their checksum")
  package let lookups = Counter("lookups_total", "Lookup calls")
  package let pagesAsked = Counter("lookup_pages_asked_total", "Pages asked for in lookups")
  package let pagesHit = Counter("lookup_pages_hit_total", "Pages of prefix hits in lookups")
  package let pagesReadAhead = Counter(
    "lookup_pages_read_ahead_total", "Pages that lookups started reading into memory")
  package let pagesReadAheadOfGets = Counter(
    "get_pages_read_ahead_total", "Pages that gets started reading before their turn came")
  package let pagesRead = Counter("pages_read_total", "Pages given to gets")
  package let bytesRead = Counter("page_bytes_read_total", "Raw bytes of pages given to gets")
  package let pagesDamaged = Counter(
    "pages_damaged_total", "Pages whose bytes on disk did not match their checksum")
  package let pagesDeleted = Counter("pages_deleted_total", "Pages deleted by request")
  package let pagesEvicted = Counter("pages_evicted_total", "Pages that left with their segment")
  package let segmentsDropped = Counter("segments_dropped_total", "Segments evicted")
  package let noSpace = Counter("put_no_space_total", "Pages refused for want of disk space")
  package let flushes = Counter("memtable_flushes_total", "Memtables written to tables")
  package let merges = Counter("merges_total", "Merges of tables")
  package let stalls = Counter("put_stalls_total", "Extents held back by the index")
  package let recoveredPages = Counter(
    "recovered_pages_total", "Pages taken from the log's tail at the last start")

  package let recoveryPagesDropped = Counter(
    "recovery_pages_dropped_total", "Pages of the log's tail that were never whole")
  package let recoverySegmentsLost = Counter(
    "recovery_segments_lost_total", "Segments found missing or damaged at the last start")
  package let recoveryPagesLost = Counter(
    "recovery_pages_lost_total", "Pages that were in them, deleted ones included")
  package let rebuilds = Counter(
    "index_rebuilds_total", "Times the index was made anew from the segments")
  package let syncFailures = Counter(
    "log_sync_failures_total", "Calls of fdatasync on segments that failed")
  package let syncPagesLost = Counter(
    "log_sync_pages_lost_total", "Pages that left the index because their sync failed")

  /// Pages of puts by what became of them; in the order of `PageOutcome`'s numbers, from stored.
  package let putPages = CounterFamily(
    "put_pages_total", "Pages of finished puts, by what became of them", label: "outcome",
    values: PageOutcome.ofPuts.map(\.label))

  /// One addition an outcome, not one a page.
  package func count(putOutcomes outcomes: [PageOutcome]) {
    var counts = [Int](repeating: 0, count: PageOutcome.ofPuts.count)
    for outcome in outcomes { counts[Int(outcome.rawValue) - 1] += 1 }
    for (index, count) in counts.enumerated() where count > 0 {
      putPages.members[index].1.add(count)
    }
  }

  /// A segment is gone that the manifest knew.
  func lost(_ entry: SegmentEntry?) {
    recoverySegmentsLost.add()
    recoveryPagesLost.add(entry?.pages ?? 0)
  }

  package var all: [Counter] {
    [
      pagesStored, bytesStored, pagesPresent, pagesRefused, checksumMismatches, lookups, pagesAsked,
      pagesHit, pagesReadAhead, pagesReadAheadOfGets, pagesRead, bytesRead, pagesDamaged,
      pagesDeleted, pagesEvicted, segmentsDropped, noSpace, flushes, merges, stalls,
      recoveredPages, recoveryPagesDropped, recoverySegmentsLost, recoveryPagesLost, rebuilds,
      syncFailures, syncPagesLost,
    ]
  }
}
