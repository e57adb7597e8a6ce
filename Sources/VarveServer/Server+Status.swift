// The numbers behind the status page: samples for its history, and all of it as JSON.

internal import VarveBase
internal import VarveEngine

extension Server {
  /// One sample of now; nil while there is no store to read.
  func statusSample() -> StatusSample? {
    guard let engine = calls?.engine, phase.current != .stopped else { return nil }
    let numbers = engine.statistics()
    var sample = StatusSample()
    sample.wallMillis = clock.wallMillis()
    sample.pagesAsked = engine.counters.pagesAsked.current
    sample.pagesHit = engine.counters.pagesHit.current
    sample.receivedBytes = metrics.bytesIn.current
    sample.sentBytes = metrics.bytesOut.current
    sample.diskBytes = numbers.diskBytes
    sample.capacityBytes = numbers.capacityBytes
    sample.pages = numbers.pages
    sample.segments = UInt64(numbers.segments.count)
    sample.requests = metrics.requests.members.reduce(0) { $0 + $1.1.current }
    for level in numbers.levels {
      sample.levels.append(
        LevelSample(level: UInt64(level.level), runs: UInt64(level.runs), bytes: level.bytes))
      sample.indexRuns += UInt64(level.runs)
      sample.indexBytes += level.bytes
    }
    return sample
  }

  /// The text of `/status.json`.
  func statusJson() -> String {
    var json = JsonText()
    json.object { json in
      json.pair("version", Version.text)
      json.pair("now_ms", clock.wallMillis())
      json.pair("uptime_seconds", (clock.monotonicNanos() - startedNanos) / 1_000_000_000)
      json.pair("ready", notReadyReason == nil)
      json.key("reasons")
      json.array { json in if let reason = notReadyReason { json.value(reason) } }
      json.pair("connections", connections.count)
      json.pair("connections_max", configuration.connectionsMax)
      json.pair("requests_in_flight", metrics.requestsInFlight)
      json.pair("memory_bytes", ledger.totalBytes)
      json.pair("memory_limit_bytes", ledger.limitBytes)
      appendCalls(&json)
      if let engine = calls?.engine, phase.current != .stopped { append(engine, &json) }
      json.pair("sample_seconds", Limits.statusSampleSeconds)
      append(history.samples, &json)
    }
    return json.text + "\n"
  }

  /// Calls that were made, with their latencies in microseconds.
  private func appendCalls(_ json: inout JsonText) {
    json.key("calls")
    json.array { json in
      for (name, histogram) in metrics.seconds.members {
        let snapshot = histogram.snapshot()
        guard snapshot.count > 0 else { continue }
        json.object { json in
          json.pair("call", name)
          json.pair("count", snapshot.count)
          json.pair("p50_us", snapshot.percentileNanos(0.5) / 1000)
          json.pair("p99_us", snapshot.percentileNanos(0.99) / 1000)
          json.pair("max_us", snapshot.maxNanos / 1000)
        }
      }
    }
  }

  private func append(_ engine: Engine, _ json: inout JsonText) {
    let numbers = engine.statistics()
    let arena = engine.arenaUse
    json.pair("boot_id", engine.bootID)
    json.pair("capacity_bytes", numbers.capacityBytes)
    json.pair("disk_bytes", numbers.diskBytes)
    json.pair("pages", numbers.pages)
    json.pair("page_bytes", numbers.pageBytes)
    json.pair("evicted_pages", numbers.evictedPages)
    json.pair("quarantined_pages", numbers.quarantinedPages)
    json.pair("arena_bytes", arena.used)
    json.pair("arena_capacity_bytes", arena.total)
    json.key("segments")
    json.object { json in
      for (state, members) in Dictionary(grouping: numbers.segments, by: \.state)
        .sorted(by: { $0.key < $1.key })
      {
        json.pair(state, members.count)
      }
    }
    let views = engine.namespaces()
    json.pair("namespaces_count", views.count)
    json.key("namespaces")
    json.array { json in
      for row in NamespaceMetrics.rows(views) {
        json.object { json in
          json.pair("name", row.name)
          json.pair("pages", row.pages)
          json.pair("bytes", row.bytes)
          json.pair("pages_asked", row.pagesAsked)
          json.pair("pages_hit", row.pagesHit)
          json.pair("bytes_in", row.bytesIn)
          json.pair("bytes_out", row.bytesOut)
        }
      }
    }
  }

  /// Columns, not rows: an hour of samples is sent every few seconds.
  private func append(_ samples: [StatusSample], _ json: inout JsonText) {
    json.key("samples")
    json.object { json in
      json.pair("at_ms", samples.map(\.wallMillis))
      json.pair("pages_asked", samples.map(\.pagesAsked))
      json.pair("pages_hit", samples.map(\.pagesHit))
      json.pair("received_bytes", samples.map(\.receivedBytes))
      json.pair("sent_bytes", samples.map(\.sentBytes))
      json.pair("disk_bytes", samples.map(\.diskBytes))
      json.pair("capacity_bytes", samples.map(\.capacityBytes))
      json.pair("pages", samples.map(\.pages))
      json.pair("segments", samples.map(\.segments))
      json.pair("requests", samples.map(\.requests))
      let levels = Set(samples.flatMap { $0.levels.map(\.level) }).sorted()
      json.pair("levels", levels)
      for (name, field) in [("level_runs", \LevelSample.runs), ("level_bytes", \.bytes)] {
        json.key(name)
        json.array { json in
          for level in levels {
            json.array { json in
              for sample in samples {
                json.value(sample.levels.first { $0.level == level }?[keyPath: field] ?? 0)
              }
            }
          }
        }
      }
    }
  }
}
