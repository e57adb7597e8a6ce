// The figures of a replay, for people and for programs.

import VarveWire

struct ReplayReport: Encodable {
  struct Latency: Encodable {
    let count: UInt64
    let p50: Double
    let p90: Double
    let p99: Double
    let p999: Double
    let max: Double

    init(_ record: LatencyRecord) {
      count = record.count
      p50 = record.percentileMillis(50)
      p90 = record.percentileMillis(90)
      p99 = record.percentileMillis(99)
      p999 = record.percentileMillis(99.9)
      max = record.maxMillis
    }
  }

  /// What the replay is measured against, over the same requests from an empty store.
  struct Reference: Encodable {
    /// Hit rate of a cache that keeps all: the ceiling.
    let infiniteHitPercent: Double
    /// Blocks that fit into the payload bytes the store held at the end; nil when nothing left it.
    var fifoCapacityBlocks: Int?
    var fifoHitPercent: Double?
  }

  let trace: String
  let namespace: String
  let pageBytes: Int
  let connections: Int
  let verified: Bool
  let requests: Int
  let blocks: Int
  let hitBlocks: Int
  let hitRatePercent: Double
  let lostBlocks: Int
  let gotBytes: Int
  let putBlocks: Int
  let putBytes: Int
  let presentBlocks: Int
  let refusedBlocks: Int
  let refused: [String: Int]
  let wrongPages: Int
  let wrongBytes: Int
  let seconds: Double
  let getBytesPerSecond: Double
  let putBytesPerSecond: Double
  let latencyMs: [String: Latency]
  /// Pages of the namespace before the replay: hits on them are not the trace's own.
  let pagesBefore: UInt64
  let evictedPages: UInt64
  /// Payload bytes the store held at the end, of every namespace.
  let effectiveCapacityBytes: UInt64
  let reference: Reference

  init(
    plan: ReplayPlan, connections: Int, tally: ReplayTally, seconds: Double, pagesBefore: UInt64,
    before: StatsResponse, after: StatsResponse, reference: Reference
  ) {
    trace = plan.pages.traceName
    namespace = plan.namespace
    pageBytes = plan.pageBytes
    verified = plan.isVerifying
    self.connections = connections
    requests = tally.requests
    blocks = tally.blocks
    hitBlocks = tally.hitBlocks
    hitRatePercent = tally.hitPercent
    lostBlocks = tally.lostBlocks
    gotBytes = tally.gotBytes
    putBlocks = tally.putBlocks
    putBytes = tally.putBytes
    presentBlocks = tally.presentBlocks
    refusedBlocks = tally.refusedBlocks
    refused = Dictionary(uniqueKeysWithValues: tally.refused.map { ($0.key.name, $0.value) })
    wrongPages = tally.wrongPages
    wrongBytes = tally.wrongBytes
    self.seconds = seconds
    getBytesPerSecond = Self.rate(tally.gotBytes, tally.getNanos, connections)
    putBytesPerSecond = Self.rate(tally.putBytes, tally.putNanos, connections)
    latencyMs = [
      "lookup": Latency(tally.lookupLatency), "get": Latency(tally.getLatency),
      "put": Latency(tally.putLatency),
    ]
    self.pagesBefore = pagesBefore
    evictedPages = after.evictedPages - min(before.evictedPages, after.evictedPages)
    effectiveCapacityBytes = after.pageBytes
    self.reference = reference
  }

  /// Bytes a second while calls of that kind ran: each connection's time counts as its share.
  private static func rate(_ bytes: Int, _ nanos: UInt64, _ connections: Int) -> Double {
    nanos == 0 ? 0 : Double(bytes) * 1e9 * Double(connections) / Double(nanos)
  }
}

extension ReplayReport {
  /// Lines for people.
  var text: String {
    var lines: [(String, String)] = [
      ("trace", "\(trace), \(Numbers.grouped(requests)) requests"),
      ("blocks", "\(Numbers.grouped(blocks)) of \(ByteSize.text(UInt64(pageBytes)))"),
      (
        "prefix hit rate",
        "\(Numbers.fixed(hitRatePercent, 2)) % of blocks (\(Numbers.grouped(hitBlocks)))"
      ),
      ("  infinite cache", "\(Numbers.fixed(reference.infiniteHitPercent, 2)) %"),
    ]
    if let percent = reference.fifoHitPercent, let capacity = reference.fifoCapacityBlocks {
      let difference = hitRatePercent - percent
      lines.append(
        (
          "  exact FIFO",
          "\(Numbers.fixed(percent, 2)) % with \(Numbers.grouped(capacity)) blocks; "
            + "this run \(difference < 0 ? "" : "+")\(Numbers.fixed(difference, 2)) points"
        ))
    }
    lines += [
      ("got", throughput(gotBytes, getBytesPerSecond)),
      ("put", throughput(putBytes, putBytesPerSecond) + ", \(Numbers.grouped(putBlocks)) blocks"),
      ("already there", "\(Numbers.grouped(presentBlocks)) blocks"),
      ("lost, refused", "\(Numbers.grouped(lostBlocks)), \(refusedText)"),
      ("evicted", "\(Numbers.grouped(evictedPages)) pages"),
      ("effective capacity", "\(ByteSize.text(effectiveCapacityBytes)) of payload held at the end"),
      ("wrong bytes", wrongText),
      ("time", "\(Numbers.duration(seconds)), closed loop, \(connections) connection(s)"),
    ]
    if pagesBefore > 0 {
      lines.append(("note", "\(Numbers.grouped(pagesBefore)) pages were there before (--clear)"))
    }
    return KeyedLines(lines).text + "\n\n" + latencyTable
  }

  private func throughput(_ bytes: Int, _ rate: Double) -> String {
    "\(ByteSize.text(UInt64(bytes))) at \(ByteSize.text(UInt64(rate)))/s within calls"
  }

  private var refusedText: String {
    guard refusedBlocks > 0 else { return "0 blocks" }
    let reasons = refused.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return "\(Numbers.grouped(refusedBlocks)) blocks (\(reasons.joined(separator: ", ")))"
  }

  private var wrongText: String {
    guard verified else { return "not compared (--no-verify); checksums were verified" }
    return "\(Numbers.grouped(wrongBytes)) in \(Numbers.grouped(wrongPages)) pages"
  }

  private var latencyTable: String {
    var table = Table([
      ("MS A CALL", .left), ("COUNT", .right), ("P50", .right), ("P90", .right), ("P99", .right),
      ("P99.9", .right), ("MAX", .right),
    ])
    for name in ["lookup", "get", "put"] {
      guard let latency = latencyMs[name] else { continue }
      let times = [latency.p50, latency.p90, latency.p99, latency.p999, latency.max]
      table.add([name, Numbers.grouped(latency.count)] + times.map { Numbers.fixed($0, 3) })
    }
    return table.text
  }
}
