// A run of `varvebench tuner` as a table: the shapes that are best at something, and the tuner.

import Foundation
import VarveEngine

struct TunerTable {
  private let run: TunerRunLine
  /// Phases of each shape, the shapes in their order.
  private var shapes: [(name: String, phases: [TunerPhaseLine])] = []
  private var tuned: [TunerPhaseLine] = []
  private var correlations: [RankCorrelationLine] = []

  /// Nil for lines of another bench.
  init?(_ lines: [ResultLine]) {
    var run: TunerRunLine?
    for line in lines {
      switch line {
      case .tunerRun(let sizes): run = sizes
      case .rankCorrelation(let correlation): correlations.append(correlation)
      case .tunerPhase(let phase) where phase.kind == TunerPhaseLine.ofTuner: tuned.append(phase)
      case .tunerPhase(let phase):
        if let index = shapes.firstIndex(where: { $0.name == phase.shape }) {
          shapes[index].phases.append(phase)
        } else {
          shapes.append((phase.shape, [phase]))
        }
      default: break
      }
    }
    guard let run else { return nil }
    self.run = run
  }

  func markdown() -> String {
    let fingerprints = run.fingerprints ? "on" : "off"
    let sizes =
      "\(run.pages) pages, \(run.cacheBytes >> 10) KiB of index memory, fingerprints "
      + "\(fingerprints), \(Self.plain(run.filterBits)) filter bits, \(run.windows) windows of "
      + "\(run.windowPages) pages, seed \(run.seed). MiB:"
    let loads = (shapes.first?.phases ?? tuned).map(\.load)
    var rows = [["shape"] + loads + ["all"], ["---"] + loads.map { _ in "---:" } + ["---:"]]
    rows += shapes.filter { isTold($0.name) }.map { [$0.name] + Self.cells($0.phases) }
    if !tuned.isEmpty { rows += [["tuner"] + Self.cells(tuned)] + beside() }
    rows += ranks()
    return sizes + "\n\n" + rows.map(Self.line).joined(separator: "\n") + others()
  }

  /// The default, and the shapes that cost least in a phase or in all.
  private func isTold(_ name: String) -> Bool {
    name == IndexShape().name || least(Self.all) == name
      || BenchLoad.phases.indices.contains { phase in least { $0[phase].total } == name }
  }

  private func least(_ cost: ([TunerPhaseLine]) -> Double) -> String? {
    shapes.min { cost($0.phases) < cost($1.phases) }?.name
  }

  private static func all(_ phases: [TunerPhaseLine]) -> Double {
    phases.reduce(0) { $0 + $1.total }
  }

  /// The tuner beside the best shape of each phase, and of all.
  private func beside() -> [[String]] {
    guard let all = shapes.map({ Self.all($0.phases) }).min() else { return [] }
    let phases = tuned.indices.map { phase in
      let best = shapes.map { $0.phases[phase].total }.min() ?? 0
      return Self.percent(tuned[phase].total / best)
    }
    return [["tuner beside the best shape"] + phases + [Self.percent(Self.all(tuned) / all)]]
  }

  private func ranks() -> [[String]] {
    guard shapes.count == TunerBench.shapes.count else { return [] }
    func row(_ name: String, _ value: (RankCorrelationLine) -> Double) -> [String] {
      ["rank correlation of \(name)"]
        + correlations.map { String(format: "%.2f", value($0)) } + [""]
    }
    return [row("reads", \.reads), row("writes", \.writes)]
  }

  private func others() -> String {
    let rest = shapes.filter { !isTold($0.name) }.map { Self.all($0.phases) }
    guard let least = rest.min(), let most = rest.max() else { return "" }
    return "\n\nThe other \(rest.count) shapes: \(Self.mebibytes(least)) to "
      + "\(Self.mebibytes(most)) in all."
  }

  private static func cells(_ phases: [TunerPhaseLine]) -> [String] {
    phases.map { mebibytes($0.total) } + [mebibytes(all(phases))]
  }

  private static func mebibytes(_ bytes: Double) -> String {
    String(format: "%.1f", bytes / 1_048_576)
  }

  private static func percent(_ ratio: Double) -> String {
    String(format: "%+.1f %%", 100 * (ratio - 1))
  }

  private static func plain(_ value: Double) -> String { String(format: "%g", value) }

  private static func line(_ cells: [String]) -> String {
    "| " + cells.joined(separator: " | ") + " |"
  }
}
