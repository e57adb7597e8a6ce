// Prometheus text exposition, format 0.0.4: HELP and TYPE once a name, labels escaped.

package import VarveBase

/// Builds the text of `/metrics`. Samples of one name must be given together.
package struct MetricsText {
  package private(set) var text = ""
  private var declared: Set<String> = []

  package init() {}

  package mutating func add(_ counter: Counter) {
    declare(counter.name, "counter", counter.help)
    sample(counter.name, [], "\(counter.current)")
  }

  package mutating func add(_ family: CounterFamily) {
    declare(family.name, "counter", family.help)
    for (label, counter) in family.members {
      sample(family.name, [(family.label, label)], "\(counter.current)")
    }
  }

  package mutating func add(_ family: BoundedCounterFamily) {
    declare(family.name, "counter", family.help)
    for (value, count) in family.members {
      sample(family.name, [(family.label, value)], "\(count)")
    }
  }

  package mutating func add(_ table: LatencyTable) {
    for member in table.members {
      add(
        member.histogram.snapshot(), name: table.name, help: table.help,
        labels: [(table.labels.row, member.row), (table.labels.column, member.column)])
    }
  }

  /// Gauges of one name may come apart: they are gathered first. A name that ends in `_total` is a
  /// counter that is read where it is kept.
  package mutating func add(_ gauges: [Gauge]) {
    var names: [String] = []
    var groups: [String: [Gauge]] = [:]
    for gauge in gauges {
      if groups[gauge.name] == nil { names.append(gauge.name) }
      groups[gauge.name, default: []].append(gauge)
    }
    for name in names {
      for gauge in groups[name] ?? [] {
        declare(name, name.hasSuffix("_total") ? "counter" : "gauge", gauge.help)
        sample(name, gauge.labels, Self.number(gauge.value))
      }
    }
  }

  package mutating func add(_ histogram: LatencyHistogram, labels: [(String, String)] = []) {
    add(histogram.snapshot(), name: histogram.name, help: histogram.help, labels: labels)
  }

  package mutating func add(_ family: LatencyFamily) {
    for (label, histogram) in family.members {
      add(
        histogram.snapshot(), name: family.name, help: family.help, labels: [(family.label, label)])
    }
  }

  package mutating func add(_ ledger: MemoryLedger) {
    add(
      MemoryLedger.Purpose.allCases.map {
        Gauge(
          "memory_bytes", "Memory reserved, by purpose", Double(ledger.bytes(of: $0)),
          labels: [("purpose", $0.label)])
      })
    add([
      Gauge("memory_limit_bytes", "Bound of all memory reserved", Double(ledger.limitBytes)),
      Gauge(
        "memory_peak_bytes", "Most memory reserved at once since the start",
        Double(ledger.totalBytesMax)),
    ])
  }

  /// Every fourth bucket (the powers of two): a scrape stays small, sums stay exact.
  private mutating func add(
    _ snapshot: LatencyHistogram.Snapshot, name: String, help: String, labels: [(String, String)]
  ) {
    declare(name, "histogram", help)
    var seen: UInt64 = 0
    for (index, count) in snapshot.buckets.enumerated() {
      seen += count
      guard index % 4 == 3, index < LatencyHistogram.bucketCount else { continue }
      let border = Double(LatencyHistogram.upperNanos(index)) / 1e9
      sample(name + "_bucket", labels + [("le", Self.number(border))], "\(seen)")
    }
    sample(name + "_bucket", labels + [("le", "+Inf")], "\(snapshot.count)")
    sample(name + "_sum", labels, Self.number(Double(snapshot.sumNanos) / 1e9))
    sample(name + "_count", labels, "\(snapshot.count)")
  }

  private mutating func declare(_ name: String, _ type: String, _ help: String) {
    guard declared.insert(name).inserted else { return }
    text += "# HELP varve_\(name) \(Self.escaped(help, quotes: false))\n"
    text += "# TYPE varve_\(name) \(type)\n"
  }

  private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
    text += "varve_\(name)\(Self.labelText(labels)) \(value)\n"
  }

  static func labelText(_ labels: [(String, String)]) -> String {
    guard !labels.isEmpty else { return "" }
    let pairs = labels.map { "\($0.0)=\"\(escaped($0.1, quotes: true))\"" }
    return "{" + pairs.joined(separator: ",") + "}"
  }

  private static func number(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 9e15 { return "\(Int64(value))" }
    return "\(value)"
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}
