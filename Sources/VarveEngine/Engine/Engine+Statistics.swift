// The numbers of the store as a whole: what is there now, measured or counted, never estimated.

internal import VarveBase

extension Engine {
  /// What Stats and the gauges tell. Pages of retired namespaces are in none of the counts.
  ///
  /// A page that expired is absent for everyone and counted nowhere; its bytes lie in its segment
  /// until that goes.
  package func statistics() -> EngineStatistics {
    var numbers = EngineStatistics()
    numbers.capacityBytes = keeper.disk.capacity
    numbers.reservedBytes = keeper.disk.used
    numbers.evictedPages = counters.pagesEvicted.current
    numbers.quarantinedPages = quarantined.current
    for view in namespaces() {
      numbers.pages += view.pages
      numbers.pageBytes += view.bytes
    }
    let usage = DiskUsage(files, directory: configuration.directory)
    numbers.diskBytes = usage.totalBytes + keeper.closing()
    let alive = namespaceTable.ids
    let now = nowSeconds
    numbers.segments = keeper.table.all().map { number, entry in
      let held = entry.live(at: now, in: alive)
      let live = UInt64(clamping: held.bytes)
      // A segment between its admission and its file's making has no block yet.
      let bytes = usage.segments[number] ?? 0
      return SegmentStatistics(
        id: number, state: entry.phase.rawValue, bytes: bytes, liveBytes: live,
        pages: UInt64(clamping: held.pages),
        score: bytes == 0 ? 0 : Double(live) / Double(bytes))
    }
    numbers.levels = index.statistics().levels
    return numbers
  }

  /// Settings as they stand.
  package var fixedKnobs: FixedKnobs {
    FixedKnobs(
      tuning: tuning, blockCacheBytes: configuration.blockCacheBytes,
      arenaBytes: configuration.arenaBytes, stagingBytes: configuration.stagingBytes,
      syncIntervalMillis: configuration.syncIntervalMillis, ioThreads: configuration.ioThreads)
  }
}

/// What `Engine.fixedKnobs` tells.
package struct FixedKnobs: Equatable, Sendable {
  package let tuning: IndexTuning
  package let blockCacheBytes: Int
  package let arenaBytes: Int
  package let stagingBytes: Int
  package let syncIntervalMillis: Int
  package let ioThreads: Int
}
