// Lines of results as Markdown: a table of rounds with the ratios to each other side, a table of
// figures with their bounds.

import Foundation

struct ResultTable {
  private static let ours = "varve"
  private let lines: [ResultLine]

  init(_ lines: [ResultLine]) { self.lines = lines }

  func markdown() -> String {
    var parts: [String] = []
    for case .machine(let processors, let model, let load, let commit) in lines {
      let at = commit.isEmpty ? "" : ", commit \(commit)"
      parts.append("\(processors) processors (\(model)), load \(load) before the run\(at).")
    }
    let rounds = lines.compactMap { if case .round(let round) = $0 { round } else { nil } }
    let served = rounds.filter { Self.servedBenches.contains($0.bench) }
    let inProcess = rounds.filter { !Self.servedBenches.contains($0.bench) }
    if !inProcess.isEmpty { parts.append(table(of: inProcess)) }
    if !served.isEmpty {
      parts.append(Self.table(ServedTable.heading, ServedTable(served).rows()))
    }
    let figures = lines.compactMap { if case .figure(let figure) = $0 { figure } else { nil } }
    if !figures.isEmpty { parts.append(table(of: figures)) }
    let peers = lines.compactMap { if case .peer(let peer) = $0 { peer } else { nil } }
    if !peers.isEmpty {
      parts.append(
        Self.table(
          ["side", "set up", "did not run"],
          peers.map { [$0.side, $0.configuration, $0.error ?? ""] }))
    }
    if let tuner = TunerTable(lines) { parts.append(tuner.markdown()) }
    return parts.joined(separator: "\n\n")
  }

  /// Those whose rounds go over a socket.
  private static let servedBenches = ["net", "peers"]

  private static func line(_ cells: [String]) -> String {
    "| " + cells.joined(separator: " | ") + " |"
  }

  private static func table(_ heading: [String], _ rows: [[String]]) -> String {
    ([heading, heading.map { _ in "---" }] + rows).map(line).joined(separator: "\n")
  }

  // MARK: Rounds

  private func table(of rounds: [MeasuredRound]) -> String {
    var cells: [String] = []
    var others: [String] = []
    for round in rounds {
      if !cells.contains(round.cell) { cells.append(round.cell) }
      if round.side != Self.ours, !others.contains(round.side) { others.append(round.side) }
    }
    var heading = ["cell", "varve MB/s", "CPU-s/GiB"]
    for other in others { heading += ["\(other) MB/s", "CPU-s/GiB", "varve / \(other)"] }
    let rows = cells.map { cell in
      let ours = rounds.filter { $0.cell == cell && $0.side == Self.ours }
      return [cell] + Self.columns(ours)
        + others.flatMap { other -> [String] in
          let theirs = rounds.filter { $0.cell == cell && $0.side == other }
          return Self.columns(theirs) + [Self.ratio(ours, theirs)]
        }
    }
    return Self.table(heading, rows)
  }

  private static func columns(_ rounds: [MeasuredRound]) -> [String] {
    guard !rounds.isEmpty else { return ["", ""] }
    return [
      ServedTable.text(rounds.map(\.megabytesPerSecond), 0),
      String(format: "%.2f", Spread(rounds.map(\.cpuPerGiB)).median),
    ]
  }

  /// Of rounds with the same number: they ran right after each other.
  private static func ratio(_ ours: [MeasuredRound], _ theirs: [MeasuredRound]) -> String {
    let ratios = ours.compactMap { our in
      theirs.first { $0.round == our.round }.map {
        our.megabytesPerSecond / $0.megabytesPerSecond
      }
    }
    return ratios.isEmpty ? "" : ServedTable.text(ratios, 2)
  }

  // MARK: Figures

  private func table(of figures: [Figure]) -> String {
    Self.table(
      ["figure", "value", "to reach", "", "how"],
      figures.map { figure in
        let bounds = [
          figure.least.map { "≥ \(Self.number($0))" }, figure.most.map { "≤ \(Self.number($0))" },
        ].compactMap { $0 }.joined(separator: ", ")
        let verdict = figure.isMet.map { $0 ? "met" : "not met" } ?? ""
        let unit = figure.unit.isEmpty ? "" : " \(figure.unit)"
        return [figure.name, Self.number(figure.value) + unit, bounds, verdict, figure.note]
      })
  }

  /// Four digits are more than any of these runs can tell.
  private static func number(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e15 { return String(format: "%.0f", value) }
    return String(format: abs(value) >= 100 ? "%.0f" : "%.4g", value)
  }
}
