// What an operator asks for: flush, compact, numbers.

internal import VarveBase

extension Engine {
  /// Everything acknowledged so far is synced and the memtable is in a table.
  package func flush() throws(EngineError) {
    try checkWritable()
    try syncNow()
    try storage { () throws(IndexError) in _ = try index.flush(self) }
  }

  /// Merges all tables into one and lets segments go that hold nothing. `progress` gives false to
  /// stop between stages.
  ///
  /// - Parameter namespace: must exist when given; the tables are shared, so all of them are
  /// merged.
  package func compact(
    namespace: String?, indexOnly: Bool, progress: (CompactProgress) -> Bool
  ) throws(EngineError) {
    if let namespace, namespaceTable.named(namespace) == nil { throw .namespaceUnknown }
    try checkWritable()
    let started = clock.monotonicNanos()
    let stages: UInt64 = indexOnly ? 2 : 3
    var result: [String: UInt64] = [:]
    func report(_ stage: String, _ done: UInt64) -> Bool {
      let elapsed = Double(clock.monotonicNanos() - started) / 1e9
      let left = done == 0 ? 0 : elapsed / Double(done) * Double(stages - done)
      return progress(
        CompactProgress(
          stage: stage, done: done, total: stages, etaSeconds: left, result: result))
    }
    guard report("flush", 0) else { return }
    try flush()
    guard report("merge", 1) else { return }
    let before = index.statistics()
    try storage { () throws(IndexError) in try index.mergeAll() }
    let after = index.statistics()
    result["tables_before"] = UInt64(before.tables)
    result["tables_after"] = UInt64(after.tables)
    result["index_bytes_before"] = before.bytes
    result["index_bytes_after"] = after.bytes
    if !indexOnly {
      guard report("segments", 2) else { return }
      do {
        result["segments_dropped"] = UInt64(try keeper.dropEmpty())
      } catch {
        throw .storage("\(error)")
      }
    }
    _ = report("done", stages)
  }

  /// Runs a step of the index; its errors become the engine's.
  func storage<Result>(_ body: () throws(IndexError) -> Result) throws(EngineError) -> Result {
    do {
      return try body()
    } catch {
      throw .storage("\(error)")
    }
  }

  package func statistics() -> EngineStatistics {
    var numbers = EngineStatistics()
    numbers.capacityBytes = keeper.disk.capacity
    numbers.diskBytes = keeper.disk.used
    numbers.evictedPages = counters.pagesEvicted.current
    numbers.quarantinedPages = quarantined.current
    for view in namespaces() {
      numbers.pages += view.pages
      numbers.pageBytes += view.bytes
    }
    let alive = namespaceTable.ids
    numbers.segments = keeper.table.all().map { number, entry in
      let held = entry.held.filter { alive.contains($0.key) }.values
      let bytes = held.reduce(0) { $0 + $1.bytes }
      return SegmentStatistics(
        id: number, state: entry.phase.rawValue, bytes: entry.diskBytes, liveBytes: bytes,
        pages: held.reduce(0) { $0 + $1.pages },
        score: entry.diskBytes == 0 ? 0 : Double(bytes) / Double(entry.diskBytes))
    }
    numbers.levels = [index.statistics().level]
    return numbers
  }
}
