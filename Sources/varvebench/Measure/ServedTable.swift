// Rounds over a socket as Markdown: a row a cell and side, with both processes' processor time, how
// long calls took, and how busy the machine was beside each.

import Foundation

struct ServedTable {
  private let rounds: [MeasuredRound]
  /// The side whose ratio to every other is told.
  private let ours: String

  init(_ rounds: [MeasuredRound], ours: String = "varve") {
    self.rounds = rounds
    self.ours = ours
  }

  static let heading = [
    "cell", "side", "MB/s or pages/s", "varve / it", "server CPU", "client CPU",
    "p50 / p99 / p99.9, µs", "CPU pressure, load",
  ]

  func rows() -> [[String]] {
    var cells: [String] = []
    for round in rounds where !cells.contains(round.cell) { cells.append(round.cell) }
    return cells.flatMap { cell -> [[String]] in
      let ofCell = rounds.filter { $0.cell == cell }
      var sides: [String] = []
      for round in ofCell where !sides.contains(round.side) { sides.append(round.side) }
      return sides.map { side in
        row(cell, side, ofCell.filter { $0.side == side }, ofCell.filter { $0.side == ours })
      }
    }
  }

  private func row(
    _ cell: String, _ side: String, _ rounds: [MeasuredRound], _ ours: [MeasuredRound]
  ) -> [String] {
    let hasBytes = rounds.allSatisfy { $0.bytes > 0 }
    func cpu(_ seconds: (MeasuredRound) -> Double?) -> String {
      let values = rounds.compactMap { round in
        seconds(round).map {
          hasBytes ? $0 / (Double(round.bytes) / 1_073_741_824) : $0 * 1e6 / Double(round.calls)
        }
      }
      guard !values.isEmpty else { return "" }
      return String(format: hasBytes ? "%.2f" : "%.0f µs", Spread(values).median)
    }
    let ratios = rounds.compactMap { round in
      ours.first { $0.round == round.round }.map { $0.workPerSecond / round.workPerSecond }
    }
    let isOurs = side == self.ours
    return [
      cell, side, Self.text(rounds.map(\.workPerSecond), 0),
      isOurs || ratios.isEmpty ? "" : Self.text(ratios, 2), cpu(\.serverCpuSeconds),
      cpu(\.cpuSeconds), Self.latency(rounds), Self.pressure(rounds),
    ]
  }

  /// Medians of the rounds' percentiles; `>` where calls that were due were not made.
  private static func latency(_ rounds: [MeasuredRound]) -> String {
    let told = rounds.compactMap(\.latencyMicros)
    guard !told.isEmpty else { return "" }
    let isBehind = rounds.contains { ($0.unserved ?? 0) > 0 }
    return (isBehind ? "> " : "")
      + [\Percentiles.p50, \.p99, \.p999].map { key in
        String(format: "%.0f", Spread(told.map { $0[keyPath: key] }).median)
      }.joined(separator: " / ")
  }

  private static func pressure(_ rounds: [MeasuredRound]) -> String {
    let told = rounds.compactMap(\.pressure)
    guard !told.isEmpty else { return "" }
    let load = String(format: "%.1f", Spread(told.map(\.load)).median)
    let some = told.compactMap(\.someAvg10)
    return some.isEmpty ? load : String(format: "%.0f %%, ", Spread(some).median) + load
  }

  /// Median (least-most).
  static func text(_ values: [Double], _ digits: Int) -> String {
    let spread = Spread(values)
    return String(
      format: "%.\(digits)f (%.\(digits)f-%.\(digits)f)", spread.median, spread.least, spread.most)
  }
}
