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
  /// stop: between stages, and within the merge, which then leaves everything as it was.
  ///
  /// - Parameter namespace: must exist when given; the tables are shared, so all of them are
  /// merged.
  package func compact(
    namespace: String?, indexOnly: Bool, progress: (WorkProgress) -> Bool
  ) throws(EngineError) {
    if let namespace, namespaceTable.named(namespace) == nil { throw .namespaceUnknown }
    try checkWritable()
    var meter = WorkMeter(clock: clock, total: 1)
    guard progress(meter.step("flush", done: 0)) else { return }
    try flush()
    let before = index.statistics()
    // What a merge counts: bytes read and bytes written, about as many.
    meter = WorkMeter(clock: clock, total: max(1, 2 * before.bytes))
    guard progress(meter.step("merge", done: 0)) else { return }
    let isMerged = try storage { () throws(IndexError) in
      try index.mergeAll { moved in
        meter.advance(moved, "merge").map(progress) ?? true
      }
    }
    guard isMerged else { return }
    let after = index.statistics()
    meter.result["tables_before"] = UInt64(before.tables)
    meter.result["tables_after"] = UInt64(after.tables)
    meter.result["index_bytes_before"] = before.bytes
    meter.result["index_bytes_after"] = after.bytes
    if !indexOnly {
      guard progress(meter.step("segments", done: meter.total)) else { return }
      do {
        meter.result["segments_dropped"] = UInt64(try keeper.dropEmpty())
      } catch {
        throw .storage("\(error)")
      }
    }
    _ = progress(meter.step("done", done: meter.total))
  }

  /// Runs a step of the index; its errors become the engine's.
  func storage<Result>(_ body: () throws(IndexError) -> Result) throws(EngineError) -> Result {
    do {
      return try body()
    } catch {
      throw .storage("\(error)")
    }
  }
}
