// What the index counts.

package import VarveBase

/// The index's counters; `all` is what is printed.
package struct IndexCounters: Sendable {
  package let blockReads = Counter(
    "index_block_reads_total", "Index blocks that calls read from disk.")
  package let blockHits = Counter("index_block_hits_total", "Index blocks found in memory.")
  package let pathProbes = Counter("index_path_probes_total", "Tables asked for a path record.")
  package let idProbes = Counter("index_id_probes_total", "Tables asked for an id record.")
  package let filterPasses = Counter(
    "index_filter_false_total", "Tables asked for a name that turned out absent.")
  package let pagesFound = Counter(
    "index_pages_found_total", "Names whose record came from a table.")
  package let pagesAbsent = Counter(
    "index_pages_absent_total", "Names that tables were asked for and none held.")
  package let flushedBytes = Counter("index_flushed_bytes_total", "Bytes of tables flushed.")
  package let mergeReadBytes = Counter(
    "index_merge_read_bytes_total", "Bytes of tables that merges read.")
  package let mergeWrittenBytes = Counter(
    "index_merge_written_bytes_total", "Bytes of tables that merges wrote.")
  package let tablesDropped = Counter(
    "index_tables_dropped_total", "Tables that left unread, all of their pages being gone.")
  /// Pages that were flushed, and the memory their memtables held: not printed.
  let flushedPages = Counter("flushed_pages", "")
  let flushedMemory = Counter("flushed_memory_bytes", "")

  package init() {}

  package var all: [Counter] {
    [
      blockReads, blockHits, pathProbes, idProbes, filterPasses, pagesFound, pagesAbsent,
      flushedBytes, mergeReadBytes, mergeWrittenBytes, tablesDropped,
    ]
  }
}
