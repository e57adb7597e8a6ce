// The daemon's state as varvectl shows it: JSON keys are the names of `varve.proto`.

import VarveWire

struct StatsReport: Encodable {
  struct LevelReport: Encodable {
    let level: UInt32
    let runs: UInt32
    let runsMax: UInt32
    let entries: UInt64
    let bytes: UInt64
    let filterBytes: UInt64
  }
  struct SegmentReport: Encodable {
    let id: UInt64
    let state: String
    let bytes: UInt64
    let liveBytes: UInt64
    let pages: UInt64
    let score: Double
  }
  struct LatencyReport: Encodable {
    let name: String
    let count: UInt64
    let p50Us: Double
    let p99Us: Double
    let p999Us: Double
    let maxUs: Double
  }

  let version: String
  let uptimeSeconds: UInt64
  let ready: Bool
  let writable: Bool
  let capacityBytes: UInt64
  let diskBytes: UInt64
  let memoryBytes: UInt64
  let memoryLimitBytes: UInt64
  let pages: UInt64
  let pageBytes: UInt64
  let evictedPages: UInt64
  let quarantinedPages: UInt64
  let bootId: String
  let levels: [LevelReport]
  let segments: [SegmentReport]
  let namespaces: [NamespaceReport]
  let counters: [String: UInt64]
  let latencies: [LatencyReport]

  init(_ stats: StatsResponse) {
    version = stats.version
    uptimeSeconds = stats.uptimeSeconds
    ready = stats.ready
    writable = stats.writable
    capacityBytes = stats.capacityBytes
    diskBytes = stats.diskBytes
    memoryBytes = stats.memoryBytes
    memoryLimitBytes = stats.memoryLimitBytes
    pages = stats.pages
    pageBytes = stats.pageBytes
    evictedPages = stats.evictedPages
    quarantinedPages = stats.quarantinedPages
    bootId = stats.bootID
    levels = stats.levels.map {
      LevelReport(
        level: $0.level, runs: $0.runs, runsMax: $0.runsMax, entries: $0.entries, bytes: $0.bytes,
        filterBytes: $0.filterBytes)
    }
    segments = stats.segments.map {
      SegmentReport(
        id: $0.id, state: $0.state, bytes: $0.bytes, liveBytes: $0.liveBytes, pages: $0.pages,
        score: $0.score)
    }
    namespaces = stats.namespaces.map(NamespaceReport.init)
    counters = stats.counters
    latencies = stats.latencies.map {
      LatencyReport(
        name: $0.name, count: $0.count, p50Us: $0.p50Micros, p99Us: $0.p99Micros,
        p999Us: $0.p999Micros, maxUs: $0.maxMicros)
    }
  }
}

extension StatsReport {
  /// The tables for people; segments and counters only with `all`.
  func text(all: Bool) -> String {
    var parts = [summary + "\n"]
    if !namespaces.isEmpty { parts.append(NamespaceReport.table(namespaces)) }
    if !levels.isEmpty { parts.append(levelTable) }
    if latencies.contains(where: { $0.count > 0 }) { parts.append(latencyTable) }
    if all, !segments.isEmpty { parts.append(segmentTable) }
    if all, !counters.isEmpty {
      var table = Table([("COUNTER", .left), ("VALUE", .right)])
      for (name, value) in counters.sorted(by: { $0.key < $1.key }) {
        table.add([name, Numbers.grouped(value)])
      }
      parts.append(table.text)
    }
    return parts.joined(separator: "\n")
  }

  private var summary: String {
    let state =
      ready ? (writable ? "ready" : "ready, READ-ONLY") : "NOT READY (recovering or draining)"
    return KeyedLines([
      ("varved", "\(version), up \(Numbers.duration(Double(uptimeSeconds))), \(state)"),
      ("disk", share(diskBytes, of: capacityBytes)),
      ("memory", share(memoryBytes, of: memoryLimitBytes)),
      ("pages", "\(Numbers.grouped(pages)), \(ByteSize.text(pageBytes)) of payload"),
      ("evicted", "\(Numbers.grouped(evictedPages)) pages"),
      ("quarantined", "\(Numbers.grouped(quarantinedPages)) pages"),
      ("boot", bootId),
    ]).text
  }

  private func share(_ used: UInt64, of limit: UInt64) -> String {
    guard limit > 0 else { return ByteSize.text(used) }
    let percent = Numbers.fixed(100 * Double(used) / Double(limit), 1)
    return "\(ByteSize.text(used)) of \(ByteSize.text(limit)) (\(percent) %)"
  }

  private var levelTable: String {
    var table = Table([
      ("LEVEL", .right), ("RUNS", .right), ("ENTRIES", .right), ("BYTES", .right),
      ("FILTERS", .right),
    ])
    for level in levels {
      table.add([
        "\(level.level)", "\(level.runs)", Numbers.grouped(level.entries),
        ByteSize.text(level.bytes), ByteSize.text(level.filterBytes),
      ])
    }
    return table.text
  }

  private var latencyTable: String {
    var table = Table([
      ("LATENCY", .left), ("COUNT", .right), ("P50", .right), ("P99", .right), ("P99.9", .right),
      ("MAX", .right),
    ])
    for latency in latencies where latency.count > 0 {
      let times = [latency.p50Us, latency.p99Us, latency.p999Us, latency.maxUs]
      table.add(
        [latency.name, Numbers.grouped(latency.count)] + times.map { Numbers.duration($0 / 1e6) })
    }
    return table.text
  }

  private var segmentTable: String {
    var table = Table([
      ("SEGMENT", .right), ("STATE", .left), ("BYTES", .right), ("LIVE", .right),
      ("PAGES", .right),
    ])
    for segment in segments {
      table.add([
        "\(segment.id)", segment.state, ByteSize.text(segment.bytes),
        ByteSize.text(segment.liveBytes), Numbers.grouped(segment.pages),
      ])
    }
    return table.text
  }
}
