// A strict reader of Prometheus text exposition 0.0.4: what it takes, a scraper takes. Every rule
// is a thrown sentence with the line.

import Foundation

struct Exposition {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  struct Sample: Equatable {
    /// With its suffix (`_bucket`, `_sum`, `_count`) where the family is a histogram.
    let name: String
    let labels: [String: String]
    let value: Double
  }

  struct Family {
    let name: String
    let type: String
    var samples: [Sample] = []
  }

  private(set) var families: [String: Family] = [:]

  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw Failure(description: "the last line has no end") }
    var open: String?
    var helped: Set<String> = []
    var series: Set<String> = []
    for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
      func fail(_ what: String) -> Failure { Failure(description: "\(what): \(line)") }
      if line.hasPrefix("# HELP ") {
        let parts = line.split(separator: " ", maxSplits: 3)
        guard parts.count == 4 else { throw fail("HELP without a text") }
        guard helped.insert(String(parts[2])).inserted else { throw fail("a second HELP") }
      } else if line.hasPrefix("# TYPE ") {
        let parts = line.split(separator: " ").map { String($0) }
        guard parts.count == 4, ["counter", "gauge", "histogram"].contains(parts[3]) else {
          throw fail("no type")
        }
        guard families[parts[2]] == nil else { throw fail("a second TYPE") }
        guard helped.contains(parts[2]) else { throw fail("TYPE before HELP") }
        families[parts[2]] = Family(name: parts[2], type: parts[3])
        open = parts[2]
      } else {
        let sample = try Self.sample(line)
        guard let open, let family = families[open] else { throw fail("a sample before TYPE") }
        guard Self.belongs(sample.name, to: family) else { throw fail("not of \(open)") }
        let labels = sample.labels.sorted { $0.key < $1.key }
        guard series.insert("\(sample.name)\(labels)").inserted else { throw fail("twice") }
        families[open]?.samples.append(sample)
      }
    }
    for family in families.values { try Self.check(family) }
  }

  subscript(_ name: String, _ labels: [String: String] = [:]) -> Double? {
    families.values.lazy.flatMap(\.samples).first { $0.name == name && $0.labels == labels }?.value
  }

  /// Every name a query may use.
  var names: Set<String> {
    Set(families.values.flatMap { [$0.name] + $0.samples.map(\.name) })
  }

  // MARK: Lines

  private static func sample(_ line: Substring) throws -> Sample {
    func fail(_ what: String) -> Failure { Failure(description: "\(what): \(line)") }
    let name = line.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_:".contains($0)) }
    guard let first = name.first, !first.isNumber else { throw fail("no metric name") }
    var rest = line[name.endIndex...]
    var labels: [String: String] = [:]
    if rest.first == "{" {
      rest.removeFirst()
      while rest.first != "}" {
        let key = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        guard let first = key.first, !first.isNumber else { throw fail("no label name") }
        rest = rest[key.endIndex...]
        guard rest.hasPrefix("=\"") else { throw fail("a label without value") }
        rest.removeFirst(2)
        guard labels[String(key)] == nil else { throw fail("a label twice") }
        labels[String(key)] = try quoted(&rest, line)
        if rest.first == "," {
          rest.removeFirst()
        } else if rest.first != "}" {
          throw fail("labels not divided")
        }
      }
      rest.removeFirst()
    }
    guard rest.first == " ", let value = number(rest.dropFirst()) else { throw fail("no value") }
    return Sample(name: String(name), labels: labels, value: value)
  }

  /// Up to and with the closing quote; `\\`, `\"` and `\n` are the only escapes.
  private static func quoted(_ rest: inout Substring, _ line: Substring) throws -> String {
    var value = ""
    while let next = rest.popFirst() {
      switch next {
      case "\"": return value
      case "\\":
        switch rest.popFirst() {
        case "\\": value.append("\\")
        case "\"": value.append("\"")
        case "n": value.append("\n")
        default: throw Failure(description: "an unknown escape: \(line)")
        }
      default: value.append(next)
      }
    }
    throw Failure(description: "a label value without end: \(line)")
  }

  private static func number(_ text: Substring) -> Double? {
    switch text {
    case "+Inf": .infinity
    case "-Inf": -.infinity
    case "NaN": .nan
    default: text.contains(" ") ? nil : Double(text)
    }
  }

  // MARK: Families

  private static func belongs(_ name: String, to family: Family) -> Bool {
    guard family.type == "histogram" else { return name == family.name }
    return ["_bucket", "_sum", "_count"].contains { name == family.name + $0 }
  }

  private static func check(_ family: Family) throws {
    func fail(_ what: String) -> Failure { Failure(description: "\(family.name): \(what)") }
    switch family.type {
    case "counter":
      guard family.name.hasSuffix("_total") else { throw fail("a counter ends in _total") }
      guard family.samples.allSatisfy({ $0.value >= 0 }) else { throw fail("a negative counter") }
    case "gauge":
      guard !family.name.hasSuffix("_total") else { throw fail("_total is a counter's") }
    default: try checkHistogram(family)
    }
    // Base units, as the naming rules of Prometheus ask.
    let foreign = ["_ms", "_millis", "_micros", "_us", "_nanos", "_kib", "_mib", "_mb", "_percent"]
    guard !foreign.contains(where: { family.name.contains($0 + "_") || family.name.hasSuffix($0) })
    else { throw fail("not a base unit") }
  }

  private static func checkHistogram(_ family: Family) throws {
    func fail(_ what: String) -> Failure { Failure(description: "\(family.name): \(what)") }
    guard family.name.hasSuffix("_seconds") else { throw fail("a duration is in _seconds") }
    let groups = Dictionary(grouping: family.samples) { sample in
      sample.labels.filter { $0.key != "le" }
    }
    for samples in groups.values {
      let buckets = samples.filter { $0.name.hasSuffix("_bucket") }
      let borders = buckets.compactMap { $0.labels["le"].flatMap { number($0[...]) } }
      guard borders.count == buckets.count, borders == borders.sorted(),
        Set(borders).count == borders.count
      else { throw fail("borders do not rise") }
      guard borders.last == .infinity else { throw fail("no +Inf") }
      let counts = buckets.map(\.value)
      guard counts == counts.sorted() else { throw fail("buckets are not cumulative") }
      guard let count = samples.first(where: { $0.name.hasSuffix("_count") }),
        samples.contains(where: { $0.name.hasSuffix("_sum") })
      else { throw fail("no sum or count") }
      guard counts.last == count.value else { throw fail("+Inf is not the count") }
    }
  }
}
