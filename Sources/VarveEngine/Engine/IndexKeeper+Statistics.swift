// The index in numbers: by level, and what the tuner observes.

internal import VarveBase

extension IndexKeeper {
  struct Numbers: Sendable {
    var tables: Int
    var bytes: UInt64
    var entries: UInt64
    /// From level 0 to the last, empty ones included.
    var levels: [LevelStatistics]
  }

  func statistics() -> Numbers {
    let (open, tuning) = state.withLock { ($0.snapshot.tables, $0.tuning) }
    let summaries = open.map(\.summary)
    let levels = IndexLevels(summaries, tuning.shape, flushBytes: tuning.flushBytes)
    var filterBytes: [UInt64: UInt64] = [:]
    for table in open { filterBytes[table.number] = UInt64(table.filter.byteCount) }
    let statistics = (0...levels.last).map { level in
      let tables = levels.runs(in: level).flatMap(\.tables)
      return LevelStatistics(
        level: UInt32(level), runs: UInt32(tables.count), runsMax: UInt32(levels.runsMax(level)),
        entries: tables.reduce(0) { $0 + $1.counts.records },
        bytes: tables.reduce(0) { $0 + $1.fileBytes },
        filterBytes: tables.reduce(0) { $0 + (filterBytes[$1.number] ?? 0) })
    }
    return Numbers(
      tables: summaries.count, bytes: summaries.reduce(0) { $0 + $1.fileBytes },
      entries: summaries.reduce(0) { $0 + $1.counts.records }, levels: statistics)
  }

  /// The index's part of an observation.
  func observe(_ observation: inout IndexObservation) {
    let counters = indexCounters
    observation.absentPages = counters.pagesAbsent.current
    observation.presentPages = counters.pagesFound.current
    observation.blockReads = counters.blockReads.current
    observation.blockHits = counters.blockHits.current
    observation.falsePasses = counters.filterPasses.current
    observation.flushedBytes = counters.flushedBytes.current
    observation.mergeReadBytes = counters.mergeReadBytes.current
    observation.mergeWrittenBytes = counters.mergeWrittenBytes.current
    let flushed = counters.flushedPages.current
    if flushed > 0 {
      observation.memtableBytesPerPage = Double(counters.flushedMemory.current) / Double(flushed)
    }
    let numbers = statistics()
    observation.indexBytes = numbers.bytes
    observation.runs = numbers.levels.map(\.runs)
    let tables = snapshot().tables.map(\.summary)
    observation.indexPages = tables.reduce(0) { $0 + $1.counts.pages }
    let liveFrom = keeper.table.live.lowest ?? manifest.state.nextSegment
    observation.livePages = tables.reduce(0) {
      $0 + UInt64(Double($1.counts.pages) * (1 - $1.counts.deadShare(liveFrom: liveFrom)))
    }
    observation.cacheBytes = UInt64(directory.cache.budgetBytes)
  }
}
