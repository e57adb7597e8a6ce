// The figures as a table for people and as JSON lines for programs. The table is made from the same
// records as the lines.

import Foundation

struct Report {
  /// One round, both sides.
  struct Pair: Hashable, Sendable {
    let ours: Sample
    let raw: Sample
  }

  private let machine: Machine
  private var rows: [(cell: Cell, pairs: [Pair])] = []

  init(machine: Machine) { self.machine = machine }

  mutating func add(_ cell: Cell, _ pairs: [Pair]) {
    precondition(!pairs.isEmpty, "a cell has rounds")
    rows.append((cell, pairs))
  }

  // MARK: Table

  private static let heading = [
    "cell", "varved", "(min-max)", "raw", "(min-max)", "ratio", "(min-max)", "server CPU",
    "raw", "client CPU", "raw",
  ]

  /// Markdown, as it stands in docs/benchmarks.md.
  func table() -> String {
    var lines = [
      "\(machine.processors) processors (\(machine.model)), load \(machine.load) before the run. "
        + "GET and PUT: MB/s, CPU-seconds per GiB; lookup: pages/s, CPU-µs a call.",
      "", Self.line(Self.heading), Self.line(Self.heading.map { _ in "---" }),
    ]
    for row in rows { lines.append(Self.line(cells(row.cell, row.pairs))) }
    return lines.joined(separator: "\n")
  }

  private static func line(_ cells: [String]) -> String {
    "| " + cells.joined(separator: " | ") + " |"
  }

  private func cells(_ cell: Cell, _ pairs: [Pair]) -> [String] {
    let isLookup = cell.operation.isLookup
    func rate(_ sample: Sample) -> Double {
      isLookup ? sample.pagesPerSecond : sample.megabytesPerSecond
    }
    func text(_ values: [Double], _ digits: Int) -> [String] {
      let spread = Spread(values)
      let ends = [spread.least, spread.most].map { String(format: "%.\(digits)f", $0) }
      return [String(format: "%.\(digits)f", spread.median), ends.joined(separator: "-")]
    }
    func cpu(_ value: (Sample) -> Double, _ side: (Pair) -> Sample) -> String {
      String(format: isLookup ? "%.0f" : "%.2f", Spread(pairs.map { value(side($0)) }).median)
    }
    let server: (Sample) -> Double = { isLookup ? $0.serverMicrosPerCall : $0.serverCPUPerGiB }
    let client: (Sample) -> Double = { isLookup ? $0.clientMicrosPerCall : $0.clientCPUPerGiB }
    return [cell.name] + text(pairs.map { rate($0.ours) }, 0) + text(pairs.map { rate($0.raw) }, 0)
      + text(pairs.map { rate($0.ours) / rate($0.raw) }, 2) + [
        cpu(server, \.ours), cpu(server, \.raw), cpu(client, \.ours), cpu(client, \.raw),
      ]
  }

  // MARK: JSON lines

  private struct Line: Encodable {
    let kind: String
    let cell: String
    let side: String
    var round: Int?
    let calls: Int
    let bytes: Int
    let pages: Int
    let seconds: Double
    let serverCpuSeconds: Double
    let clientCpuSeconds: Double
  }

  private struct Ratio: Encodable {
    let kind = "ratio"
    let cell: String
    let least: Double
    let median: Double
    let most: Double
  }

  /// The machine, then every round of both sides, then a ratio for each cell.
  func jsonLines() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func line(_ value: some Encodable) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    var lines = [try line(machine)]
    for row in rows {
      for (round, pair) in row.pairs.enumerated() {
        lines.append(try line(Self.record(row.cell, "varved", round, pair.ours)))
        lines.append(try line(Self.record(row.cell, "raw", round, pair.raw)))
      }
    }
    for row in rows {
      let spread = Spread(
        row.pairs.map {
          Double($0.ours.pages) / $0.ours.seconds / (Double($0.raw.pages) / $0.raw.seconds)
        })
      lines.append(
        try line(
          Ratio(
            cell: row.cell.name, least: spread.least, median: spread.median, most: spread.most)))
    }
    return lines.joined(separator: "\n")
  }

  private static func record(
    _ cell: Cell, _ side: String, _ round: Int, _ sample: Sample
  ) -> Line {
    Line(
      kind: "round", cell: cell.name, side: side, round: round, calls: sample.calls,
      bytes: sample.bytes, pages: sample.pages, seconds: sample.seconds,
      serverCpuSeconds: sample.serverCPU, clientCpuSeconds: sample.clientCPU)
  }
}
