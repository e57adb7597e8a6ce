// The dashboard of `stats --watch` as lines of text: a pure function of the samples and the size of
// the terminal.

import VarveWire

struct Dashboard {
  /// What the last seconds were like, oldest first; as many as fit a line.
  struct History {
    static let countMax = 60
    private(set) var hit: [Double?] = []
    private(set) var bytesIn: [Double] = []
    private(set) var bytesOut: [Double] = []
    private(set) var lookups: [Double] = []

    mutating func add(_ change: StatsChange?) {
      guard let change else { return }
      Self.add(change.hitShare, to: &hit)
      Self.add(change.rate { $0.bytesIn }, to: &bytesIn)
      Self.add(change.rate { $0.bytesOut }, to: &bytesOut)
      Self.add(change.rate { $0.lookups }, to: &lookups)
    }

    private static func add<Value>(_ value: Value, to line: inout [Value]) {
      line.append(value)
      if line.count > countMax { line.removeFirst() }
    }
  }

  static let barWidth = 30

  let endpoint: String
  let sample: StatsSample
  let change: StatsChange?
  let history: History
  /// Why the numbers are old; nil while they are not.
  let trouble: String?
  let intervalSeconds: Double

  private var stats: StatsResponse { sample.stats }

  /// At most `height` lines of at most `width` columns, the last one telling how to leave.
  func lines(width: Int, height: Int) -> [String] {
    var lines = [head, ""]
    lines += [
      bar("disk", stats.diskBytes, stats.capacityBytes),
      bar("memory", stats.memoryBytes, stats.memoryLimitBytes), pages, "",
    ]
    lines += flow(width: width) + [""]
    let state = trouble.map { "\($0)" } ?? "every \(Numbers.duration(intervalSeconds))"
    let last = "q quits; " + state
    let levels = levelLines
    // Where little fits, namespaces matter more than the index's shape.
    if height - lines.count >= levels.count + 6 { lines += levels + [""] }
    lines += namespaceLines(room: height - lines.count - 1)
    lines = Array(lines.prefix(max(0, height - 1)))
    while lines.count < height - 1 { lines.append("") }
    return (lines + [last]).map { Self.fitted($0, width) }
  }

  // MARK: - Parts

  private var head: String {
    let state =
      !stats.ready
      ? "NOT READY" : stats.writable ? "ready" : "READ-ONLY: puts are refused, see its log"
    return "varved \(stats.version) at \(endpoint)   up "
      + "\(Numbers.duration(Double(stats.uptimeSeconds)))   \(state)"
  }

  private func bar(_ name: String, _ used: UInt64, _ limit: UInt64) -> String {
    let share = limit == 0 ? 0 : min(1, Double(used) / Double(limit))
    let filled = Int((Double(Self.barWidth) * share).rounded())
    let bar =
      String(repeating: "█", count: filled)
      + String(repeating: "░", count: Self.barWidth - filled)
    let percent = Self.padded(Numbers.fixed(100 * share, 1) + " %", 7)
    return Self.named(name) + "\(bar) \(percent)   \(ByteSize.text(used)) of "
      + ByteSize.text(limit)
  }

  private var pages: String {
    Self.named("pages") + "\(Numbers.grouped(stats.pages)) holding "
      + "\(ByteSize.text(stats.pageBytes)); \(Numbers.grouped(stats.evictedPages)) evicted"
      + (stats.quarantinedPages == 0
        ? "" : "; \(Numbers.grouped(stats.quarantinedPages)) QUARANTINED")
  }

  private func flow(width: Int) -> [String] {
    let room = max(0, width - 40)
    func line(_ name: String, _ now: String, _ total: String, _ line: String) -> String {
      Self.named(name) + Self.padded(now, 12) + "  " + Self.padded(total, 14) + "   " + line
    }
    let asked = sample.pagesAsked
    let total = asked == 0 ? nil : Double(sample.pagesHit) / Double(asked)
    let requests = ["Put", "Get"].map { call in
      change.map { Self.count($0.rate { $0.requests(call) }) } ?? "-"
    }
    return [
      line("", "NOW", "SINCE START", history.lookups.isEmpty ? "" : "LAST \(history.hit.count)"),
      line(
        "hit rate", Self.percent(change?.hitShare), Self.percent(total),
        Sparkline.text(history.hit, most: 1, width: room)),
      line(
        "in", change.map { Self.speed($0.rate { $0.bytesIn }) } ?? "-",
        ByteSize.text(sample.bytesIn), Sparkline.text(history.bytesIn, width: room)),
      line(
        "out", change.map { Self.speed($0.rate { $0.bytesOut }) } ?? "-",
        ByteSize.text(sample.bytesOut), Sparkline.text(history.bytesOut, width: room)),
      line(
        "lookups", change.map { Self.count($0.rate { $0.lookups }) } ?? "-",
        Numbers.grouped(sample.lookups), Sparkline.text(history.lookups, width: room)),
      line("puts", requests[0], Numbers.grouped(sample.requests("Put")), latency("Put")),
      line("gets", requests[1], Numbers.grouped(sample.requests("Get")), latency("Get")),
    ]
  }

  private func latency(_ call: String) -> String {
    guard let found = stats.latencies.first(where: { $0.name == call }), found.count > 0 else {
      return ""
    }
    return "p50 \(Numbers.duration(found.p50Micros / 1e6)), "
      + "p99 \(Numbers.duration(found.p99Micros / 1e6))"
  }

  private var levelLines: [String] {
    var table = Table([
      ("LEVEL", .right), ("RUNS", .right), ("ENTRIES", .right), ("BYTES", .right),
      ("FILTERS", .right),
    ])
    for level in stats.levels {
      table.add([
        "\(level.level)", "\(level.runs)/\(level.runsMax)", Numbers.grouped(level.entries),
        ByteSize.text(level.bytes), ByteSize.text(level.filterBytes),
      ])
    }
    return table.text.split(separator: "\n").map(String.init)
  }

  private func namespaceLines(room: Int) -> [String] {
    guard room >= 2 else { return [] }
    guard !stats.namespaces.isEmpty else { return ["no namespaces yet"] }
    func activity(_ info: NamespaceInfo) -> Double {
      change.map { $0.rate(of: info.name) { $0.bytesIn &+ $0.bytesOut &+ $0.lookups } } ?? 0
    }
    // The busiest first, then the largest.
    let sorted = stats.namespaces.map { ($0, activity($0)) }.sorted {
      ($0.1, $0.0.bytes, $1.0.name) > ($1.1, $1.0.bytes, $0.0.name)
    }
    var table = Table([
      ("NAMESPACE", .left), ("PAGES", .right), ("BYTES", .right), ("HIT", .right),
      ("NOW", .right), ("IN", .right), ("OUT", .right),
    ])
    let isAll = sorted.count <= room - 1
    for (info, _) in sorted.prefix(isAll ? room - 1 : room - 2) {
      table.add([
        Self.name(info.name), Numbers.grouped(info.pages), ByteSize.text(info.bytes),
        NamespaceReport(info).hitText, Self.percent(change?.hitShare(of: info.name)),
        change.map { Self.speed($0.rate(of: info.name) { $0.bytesIn }) } ?? "-",
        change.map { Self.speed($0.rate(of: info.name) { $0.bytesOut }) } ?? "-",
      ])
    }
    var lines = table.text.split(separator: "\n").map(String.init)
    if !isAll { lines.append("and \(sorted.count - max(0, room - 2)) more") }
    return lines
  }

  // MARK: - Text

  private static func named(_ name: String) -> String {
    name + String(repeating: " ", count: max(0, 9 - name.count))
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private static func percent(_ share: Double?) -> String {
    share.map { Numbers.fixed(100 * $0, 1) + " %" } ?? "-"
  }

  private static func speed(_ bytes: Double) -> String { ByteSize.text(UInt64(bytes)) + "/s" }

  private static func count(_ rate: Double) -> String {
    (rate < 10 ? Numbers.fixed(rate, 1) : Numbers.grouped(UInt64(rate))) + "/s"
  }

  /// A name as it may stand in a table of 80 columns.
  private static func name(_ name: String) -> String {
    let text = name.printable
    return text.count <= 24 ? text : text.prefix(23) + "…"
  }

  private static func fitted(_ line: String, _ width: Int) -> String {
    var line = line[...]
    while line.last == " " { line.removeLast() }
    guard line.count > width else { return String(line) }
    return String(line.prefix(max(0, width - 1))) + (width > 0 ? "…" : "")
  }
}

extension String {
  /// Without what would move the cursor or change the terminal: what comes from elsewhere is shown
  /// so.
  var printable: String {
    String(
      map { character in
        character.unicodeScalars.contains { $0.value < 32 || (127..<160).contains($0.value) }
          ? "?" : character
      })
  }
}
