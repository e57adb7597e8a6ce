// Metrics of one name that differ by one label with known values, so that every line is there from
// the first scrape.

package import VarveBase

/// Counters of one name.
package struct CounterFamily: Sendable {
  package let name: String
  package let help: String
  package let label: String
  package let members: [(String, Counter)]

  package init(_ name: String, _ help: String, label: String, values: [String]) {
    self.name = name
    self.help = help
    self.label = label
    members = values.map { ($0, Counter(name + "{\(label)=\"\($0)\"}", help)) }
  }

  package subscript(_ value: String) -> Counter {
    guard let member = members.first(where: { $0.0 == value }) else {
      preconditionFailure("\(name) has no \(label) \(value)")
    }
    return member.1
  }
}

/// Latency histograms of one name. A member's own name is its label value, as Stats shows it.
package struct LatencyFamily: Sendable {
  package let name: String
  package let help: String
  package let label: String
  package let members: [(String, LatencyHistogram)]

  package init(_ name: String, _ help: String, label: String, values: [String]) {
    self.name = name
    self.help = help
    self.label = label
    members = values.map { ($0, LatencyHistogram($0, help)) }
  }

  package subscript(_ value: String) -> LatencyHistogram {
    guard let member = members.first(where: { $0.0 == value }) else {
      preconditionFailure("\(name) has no \(label) \(value)")
    }
    return member.1
  }
}
