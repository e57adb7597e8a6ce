// Flushing: the memtable becomes a table, and the manifest learns how far the log is covered.

internal import VarveBase

extension IndexKeeper {
  /// Writes the memtable to a table; false when there was nothing to write (or, with `onlyFull`,
  /// not enough).
  func flush(_ engine: Engine, onlyFull: Bool = false) throws(IndexError) -> Bool {
    try flushing.withLock { (flushing) throws(IndexError) in
      if flushing == nil {
        let memtable = snapshot().memtables[0]
        guard memtable.byteCount >= (onlyFull ? tuning.memtableBytes : 1) else { return false }
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
      return true
    }
  }

  /// During recovery, when nothing is appended: writes a full memtable to a table. All of the log
  /// before `replayFrom` is in it or older, and synced. False when it was not full.
  func flushRecovered(
    replayFrom: LogPosition, lastSequence: UInt64
  ) throws(IndexError) -> Bool {
    try flushing.withLock { (_) throws(IndexError) in
      guard snapshot().memtables[0].byteCount >= tuning.memtableBytes else { return false }
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
      try TableBuilder.write(flushing.memtable, to: directory, number: number) { names in
        filterBits(names: names, bytes: tuning.flushBytes, replacing: [])
      }
    }
    // An older flush that failed may have been overtaken by nobody: positions only rise.
    var edits: [ManifestEdit] = [
      .replayFrom(flushing.replayFrom), .lastBirth(flushing.lastSequence),
    ]
    if let table { edits.append(.addTable(table.summary)) }
    try manifest.commit(edits)
    install { $0.flushed(flushing.memtable, to: table) }
    guard let table else { return }
    indexCounters.flushedBytes.add(table.summary.fileBytes)
    indexCounters.flushedPages.add(table.summary.counts.pages)
    indexCounters.flushedMemory.add(flushing.memtable.byteCount)
    merging.update { $0.hasArrived = true }
  }
}
