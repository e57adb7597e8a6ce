// Statistics and maintenance.

internal import VarveEngine
package import VarveWire
internal import VarveBase

extension Calls {
  package func stats() -> StatsResponse {
    let engineStatistics = engine.statistics()
    var answer = StatsResponse()
    answer.version = Version.text
    answer.uptimeSeconds = (clock.monotonicNanos() - startedNanos) / 1_000_000_000
    answer.ready = phase.current == .ready
    answer.writable = engine.isWritable
    answer.capacityBytes = engineStatistics.capacityBytes
    answer.diskBytes = engineStatistics.diskBytes
    answer.memoryBytes = UInt64(ledger.totalBytes)
    answer.memoryLimitBytes = UInt64(ledger.limitBytes)
    answer.pages = engineStatistics.pages
    answer.pageBytes = engineStatistics.pageBytes
    answer.evictedPages = engineStatistics.evictedPages
    answer.quarantinedPages = engineStatistics.quarantinedPages
    answer.bootID = engine.bootID
    answer.levels = engineStatistics.levels.map {
      Level(
        level: UInt32($0.level), runs: UInt32($0.runs), runsMax: UInt32($0.runsMax),
        entries: $0.entries, bytes: $0.bytes, filterBytes: $0.filterBytes)
    }
    answer.segments = engineStatistics.segments.map {
      SegmentInfo(
        id: $0.id, state: $0.state, bytes: $0.bytes, liveBytes: $0.liveBytes, pages: $0.pages,
        score: $0.score)
    }
    answer.namespaces = engine.namespaces().map(Self.info)
    for counter in engine.allCounters + engine.familyCounters + metrics.counters {
      answer.counters[counter.name] = counter.current
    }
    answer.latencies = (engine.latencies + metrics.seconds.members.map(\.1)).map(Self.latency)
    return answer
  }

  private static func latency(_ histogram: LatencyHistogram) -> Latency {
    let snapshot = histogram.snapshot()
    func micros(_ nanos: UInt64) -> Double { Double(nanos) / 1000 }
    return Latency(
      name: histogram.name, count: snapshot.count,
      p50Micros: micros(snapshot.percentileNanos(0.5)),
      p99Micros: micros(snapshot.percentileNanos(0.99)),
      p999Micros: micros(snapshot.percentileNanos(0.999)), maxMicros: micros(snapshot.maxNanos))
  }

  /// Blocks until the memtable is on disk and everything is synced.
  package func flush() throws(Refusal) -> FlushResponse {
    try refusing { () throws(EngineError) in try engine.flush() }
    return FlushResponse()
  }
}
