// The engine's numbers for metrics: what is counted, and what is read when it is asked for.

package import VarveBase

extension Engine {
  package var allCounters: [Counter] {
    counters.all + [quarantined] + log.counters.all + arena.counters + index.indexCounters.all
      + fingerprints.counters
  }

  package var counterFamilies: [CounterFamily] { [counters.putPages] }

  /// The members of the families, under names that carry their label.
  package var familyCounters: [Counter] { counterFamilies.flatMap { $0.members.map(\.1) } }

  /// Numbers that are read, not counted. Those of one name stand together.
  package func gauges() -> [Gauge] {
    let numbers = statistics()
    return storeGauges(numbers) + segmentGauges(numbers.segments) + levelGauges(numbers.levels)
      + memoryGauges() + fingerprintGauges()
  }

  private func storeGauges(_ numbers: EngineStatistics) -> [Gauge] {
    [
      Gauge("capacity_bytes", "Bound of the data directory", Double(numbers.capacityBytes)),
      Gauge(
        "disk_bytes", "Blocks of the files under the data directory", Double(numbers.diskBytes)),
      Gauge(
        "disk_reserved_bytes", "What the bound is kept with: disk_bytes and room promised to files",
        Double(numbers.reservedBytes)),
      Gauge("disk_peak_bytes", "Most bytes reserved since the start", Double(keeper.disk.usedMax)),
      Gauge("pages", "Pages stored", Double(numbers.pages)),
      Gauge("page_bytes", "Raw bytes of the pages stored", Double(numbers.pageBytes)),
      Gauge("namespaces", "Namespaces", Double(namespaceTable.count)),
      Gauge("unsynced_bytes", "Bytes written but not synced", Double(log.unsyncedBytes)),
      Gauge("writable", "1 while puts are taken", isWritable ? 1 : 0),
      Gauge("io_queue_jobs", "Jobs that wait for an I/O thread", Double(io.queuedCount)),
      Gauge("io_running_jobs", "Jobs on I/O threads", Double(io.runningCount)),
      Gauge("io_threads", "I/O threads", Double(configuration.ioThreads)),
      Gauge("index_merges_running", "Merges under way", Double(index.mergeCount)),
    ]
  }

  private func segmentGauges(_ segments: [SegmentStatistics]) -> [Gauge] {
    // The states of an engine without trouble are there from the first scrape.
    let usual = [SegmentTable.Phase.open, .full, .sealed].map(\.rawValue)
    let others = Set(segments.map(\.state)).subtracting(usual).sorted()
    return (usual + others).flatMap { state in
      let members = segments.filter { $0.state == state }
      let labels = [("state", state)]
      return [
        Gauge("segments", "Value-log files, by state", Double(members.count), labels: labels),
        Gauge(
          "segment_bytes", "Bytes of value-log files on the disk, by state",
          Double(members.reduce(0) { $0 + $1.bytes }), labels: labels),
        Gauge(
          "segment_live_bytes", "Raw bytes of live pages in value-log files, by state",
          Double(members.reduce(0) { $0 + $1.liveBytes }), labels: labels),
      ]
    }
  }

  private func levelGauges(_ levels: [LevelStatistics]) -> [Gauge] {
    levels.flatMap { level in
      let labels = [("level", "\(level.level)")]
      return [
        Gauge(
          "index_level_runs", "Sorted runs of the index, by level", Double(level.runs),
          labels: labels),
        Gauge(
          "index_level_runs_max", "Sorted runs at which a level is merged, by level",
          Double(level.runsMax), labels: labels),
        Gauge(
          "index_level_entries", "Records of the index, by level", Double(level.entries),
          labels: labels),
        Gauge(
          "index_level_bytes", "Bytes of index tables, by level", Double(level.bytes),
          labels: labels),
        Gauge(
          "index_level_filter_bytes", "Bytes of filters in memory, by level",
          Double(level.filterBytes), labels: labels),
      ]
    }
  }

  private func memoryGauges() -> [Gauge] {
    [
      Gauge("arena_capacity_bytes", "Size of the page arena", Double(arena.byteCount)),
      Gauge("arena_bytes", "Bytes of the page arena that hold pages", Double(arena.usedBytes)),
      Gauge("arena_pages", "Pages in the page arena", Double(arena.pageCount)),
      Gauge(
        "arena_evictions_total", "Pages that left the page arena for others",
        Double(arena.evictedCount)),
    ]
  }

  private func fingerprintGauges() -> [Gauge] {
    let numbers = fingerprints.numbers
    return [
      Gauge("fingerprint_table_on", "1 while look-ups ask the table first", numbers == nil ? 0 : 1),
      Gauge(
        "fingerprint_table_bytes", "Memory of the fingerprint table", Double(numbers?.bytes ?? 0)),
      Gauge(
        "fingerprint_entries", "Pages in the fingerprint table, deleted and overwritten ones too",
        Double((numbers?.entries ?? 0) - (numbers?.deadEntries ?? 0))),
      Gauge(
        "fingerprint_dead_entries", "Entries of evicted segments that wait to be cleared out",
        Double(numbers?.deadEntries ?? 0)),
      Gauge(
        "fingerprint_removed_names", "Deleted names that only the index can tell about",
        Double(fingerprints.removedCount)),
    ]
  }

  /// The page arena's bytes in use and in all.
  package var arenaUse: (used: Int, total: Int) { (arena.usedBytes, arena.byteCount) }
}
