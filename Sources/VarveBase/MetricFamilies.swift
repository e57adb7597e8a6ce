// Metrics of one name that differ by one label with known values, so that every line is there from
// the first scrape.

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

/// Counters of one name whose label values come up as they happen, at most so many; what comes
/// beyond counts under `other`. For seldom events: each takes a lock.
package final class BoundedCounterFamily: Sendable {
  package static let rest = "other"

  package let name: String
  package let help: String
  package let label: String
  package let countMax: Int
  private let counts = Locked<[String: UInt64]>([:])

  package init(_ name: String, _ help: String, label: String, countMax: Int) {
    precondition(countMax > 0, "a family holds at least one value")
    self.name = name
    self.help = help
    self.label = label
    self.countMax = countMax
  }

  package func add(_ value: String) {
    counts.withLock { counts in
      let isKnown = counts[value] != nil || counts.count < countMax
      counts[isKnown ? value : Self.rest, default: 0] += 1
    }
  }

  /// What was counted, by label value.
  package var members: [(String, UInt64)] {
    counts.withLock { $0.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }
}

/// Latency histograms of one name with two labels. A histogram is made at its first record: of all
/// pairs of calls and stages most never come up, and each would be thirty lines of every scrape.
package final class LatencyTable: Sendable {
  package let name: String
  package let help: String
  package let labels: (row: String, column: String)
  private let rows: [String]
  private let columns: [String]
  private let cells: Locked<[LatencyHistogram?]>

  package init(
    _ name: String, _ help: String, labels: (String, String), rows: [String], columns: [String]
  ) {
    self.name = name
    self.help = help
    self.labels = labels
    self.rows = rows
    self.columns = columns
    cells = Locked([LatencyHistogram?](repeating: nil, count: rows.count * columns.count))
  }

  /// - Parameters:
  ///   - row, column: places among the values given at first.
  package func record(row: Int, column: Int, nanos: UInt64) {
    precondition(
      rows.indices.contains(row) && columns.indices.contains(column),
      "\(name) has no \(row), \(column)")
    let index = row * columns.count + column
    let histogram = cells.withLock { cells -> LatencyHistogram in
      if let made = cells[index] { return made }
      let made = LatencyHistogram(name, help)
      cells[index] = made
      return made
    }
    histogram.record(nanos: nanos)
  }

  /// The histograms there are, in the order of rows and columns.
  package var members: [(row: String, column: String, histogram: LatencyHistogram)] {
    let made = cells.withLock { $0 }
    var members: [(row: String, column: String, histogram: LatencyHistogram)] = []
    for (rowIndex, row) in rows.enumerated() {
      for (columnIndex, column) in columns.enumerated() {
        guard let histogram = made[rowIndex * columns.count + columnIndex] else { continue }
        members.append((row, column, histogram))
      }
    }
    return members
  }
}
