// The figures of `varvebench tuner` as JSON lines, and as a table made from the same records.

import Foundation
import VarveEngine

struct TunerBenchReport {
  let run: TunerRun
  var rows: [TunerBench.Row] = []
  var tuned: [PhaseResult] = []
  var correlations: [TunerBench.Correlation] = []
  var searches: TunerBench.Searches?

  private struct RunLine: Encodable {
    let kind = "tuner_run"
    let pages: Int
    let cacheBytes: Int
    let memtableBytes: Int
    let filterBits: Double
    let fingerprints: Bool
    let windows: Int
    let windowPages: Int
    let seed: UInt64
    let settingsTried: Int?
    let searchMicros: Double?
    let searchMicrosMost: Double?
  }

  private struct Line: Encodable {
    let kind: String
    let shape: String
    let phase: Int
    let load: String
    let blockReads: Double
    let bytes: Double
    let putPages: Double
    let readPages: Double
    let total: Double
    let endShape: String
    let record: String
  }

  private struct CorrelationLine: Encodable {
    let kind = "rank_correlation"
    let phase: Int
    let load: String
    let reads: Double
    let writes: Double
  }

  func jsonLines() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    let scale = run.scale
    let head = RunLine(
      pages: scale.pages, cacheBytes: scale.cacheBytes, memtableBytes: scale.memtableBytes,
      filterBits: scale.filterBits, fingerprints: scale.hasFingerprints, windows: run.windows,
      windowPages: run.windowPages, seed: run.seed, settingsTried: searches?.tried,
      searchMicros: searches?.median, searchMicrosMost: searches?.micros.last)
    var lines = [String(decoding: try encoder.encode(head), as: UTF8.self)]
    for (kind, shape, phases) in rows.map({ ("static", $0.shape.name, $0.phases) })
      + [("tuner", "tuner", tuned)]
    {
      for (index, phase) in phases.enumerated() {
        let line = Line(
          kind: kind, shape: shape, phase: index, load: phase.load.name,
          blockReads: phase.cost.blockReads, bytes: phase.cost.bytes,
          putPages: phase.cost.putPages, readPages: phase.cost.readPages, total: phase.cost.total,
          endShape: phase.shape, record: phase.record)
        lines.append(String(decoding: try encoder.encode(line), as: UTF8.self))
      }
    }
    for (index, correlation) in correlations.enumerated() {
      let line = CorrelationLine(
        phase: index, load: correlation.load.name, reads: correlation.reads,
        writes: correlation.writes)
      lines.append(String(decoding: try encoder.encode(line), as: UTF8.self))
    }
    return lines.joined(separator: "\n")
  }

  /// Markdown: MiB a phase, the least static of each phase in bold, the tuner beside it.
  func table() -> String {
    let names = run.phases.map(\.name)
    var lines = [
      "\(run.scale.pages) pages, \(run.scale.cacheBytes >> 10) KiB of index memory, "
        + "\(run.scale.filterBits) filter bits, "
        + "fingerprints \(run.scale.hasFingerprints ? "on" : "off"), \(run.windows) windows of "
        + "\(run.windowPages) pages, seed \(run.seed). MiB: table bytes written and "
        + "merged, 16 KiB a block read.",
      "", Self.line(["shape"] + names + ["all", "tuner below"]),
      Self.line(["---"] + names.map { _ in "---:" } + ["---:", "---:"]),
    ]
    let tunedTotals = tuned.map(\.cost.total)
    let tunedAll = tunedTotals.reduce(0, +)
    func cells(_ phases: [PhaseResult]) -> [String] {
      let totals = phases.map(\.cost.total)
      return (totals + [totals.reduce(0, +)]).map { String(format: "%.1f", $0 / 1_048_576) }
    }
    for row in rows {
      let all = row.phases.map(\.cost.total).reduce(0, +)
      lines.append(
        Self.line(
          [row.shape.name] + cells(row.phases)
            + [String(format: "%+.1f %%", 100 * (tunedAll / all - 1))]))
    }
    lines.append(Self.line(["tuner"] + cells(tuned) + [""]))
    let best = run.phases.indices.map { phase in
      rows.map { $0.phases[phase].cost.total }.min() ?? 0
    }
    if !rows.isEmpty, !tuned.isEmpty {
      let ratios = zip(tunedTotals, best).map { String(format: "%+.1f %%", 100 * ($0 / $1 - 1)) }
      let sum = best.reduce(0, +)
      lines.append(
        Self.line(
          ["tuner, best of each phase"] + ratios
            + [String(format: "%+.1f %%", 100 * (tunedAll / sum - 1)), ""]))
    }
    lines.append("")
    for correlation in correlations {
      lines.append(
        String(
          format: "%@: rank correlation of reads %.3f, of writes %.3f", correlation.load.name,
          correlation.reads, correlation.writes))
    }
    if let searches, let most = searches.micros.last {
      lines.append(
        String(
          format: "a search of %d settings: %.0f µs of processor time, at most %.0f",
          searches.tried, searches.median, most))
    }
    return lines.joined(separator: "\n")
  }

  private static func line(_ cells: [String]) -> String {
    "| " + cells.joined(separator: " | ") + " |"
  }
}
