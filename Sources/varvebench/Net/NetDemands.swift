// What the project asks of the wire, held against a run's rounds. Cells that were not measured have
// no verdict.

import Foundation

enum NetDemands {
  static func figures(_ rounds: [MeasuredRound]) -> [Figure] {
    let ratios = [
      "get-hot-1MiBx32-1c", "get-hot-1MiBx32-4c", "get-hot-1MiBx32-16c", "put-1MiBx32-1c",
    ]
    .compactMap { cell in
      figure(
        "\(cell), beside the raw program", "×", least: 0.9,
        pairs(rounds, cell, "raw") { $0.workPerSecond / $1.workPerSecond })
    }
    let cold = [
      figure(
        "\(Self.prefixCell), beside fio at its best of 1 to 8 jobs", "×", least: 0.8,
        pairs(rounds, prefixCell, "fio") { $0.workPerSecond / $1.workPerSecond }),
      figure(
        "\(Self.prefixCell), until the first byte (median)", "ms", most: 3,
        ours(rounds, prefixCell).compactMap { $0.firstByteMicros.map { $0.p50 / 1000 } }),
    ].compactMap { $0 }
    let processor = [
      ("get-hot-1MiBx32-1c", 0.2), ("get-cold-1MiBx32-1c", 0.35), ("put-1MiBx32-1c", 0.55),
    ]
    .compactMap { cell, most in
      figure(
        "\(cell), CPU of the daemon", "s/GiB", most: most,
        ours(rounds, cell).compactMap(\.serverCPUPerGiB))
    }
    // A cold get may cost 0.35 s, or 1.2 times what reading and sending alone cost here.
    let beside = [("get-hot-1MiBx32-1c", nil), ("get-cold-1MiBx32-1c", 1.2)]
      .compactMap { cell, most in
        figure(
          "\(cell), CPU of the daemon, of the raw program's", "×", most: most,
          pairs(rounds, cell, "raw") { ($0.serverCPUPerGiB ?? 0) / ($1.serverCPUPerGiB ?? .nan) })
      }
    let lookups = [
      figure(
        "look-ups of 512 pages, one connection", "M pages/s", least: 4,
        ours(rounds, "lookup-512").map { $0.pagesPerSecond / 1e6 })
    ].compactMap { $0 }
    return ratios + cold + drivers(rounds) + processor + beside + lookups + underBulk(rounds)
  }

  private static let prefixCell = "get-cold-1MiBx64-1c"

  /// What the better way to drive many connections reaches beyond ours: at more than that, ours is
  /// to be replaced.
  private static func drivers(_ rounds: [MeasuredRound]) -> [Figure] {
    ["get-hot-64KiBx1-256c"].compactMap { cell in
      let threads = pairs(rounds, cell, "raw") { $1.workPerSecond / $0.workPerSecond }
      let epoll = pairs(rounds, cell, "epoll") { $1.workPerSecond / $0.workPerSecond }
      return figure(
        "\(cell), the better raw program beside varved", "×", most: 1.3,
        zip(threads, epoll).map { max($0, $1) })
    }
  }

  private static func underBulk(_ rounds: [MeasuredRound]) -> [Figure] {
    let p99: (String, String) -> [Double] = { prefix, side in
      rounds.filter { $0.cell.hasPrefix(prefix) && $0.side == side }
        .compactMap { $0.latencyMicros?.p99 }
    }
    return [("varve", 5.0), ("raw", nil)].compactMap { side, most in
      let idle = rounds.filter { $0.cell.contains("-idle-") && $0.side == side }
      let pages = idle.first.map { "\($0.pages / max(1, $0.calls))" } ?? ""
      let alone = p99("lookup-\(pages)-idle-", side)
      let beside = p99("lookup-under-bulk-\(pages)", side)
      return figure(
        "look-up p99 beside half of the bulk's peak, \(side)", "× of idle", most: most,
        zip(beside, alone).map { $0 / $1 })
    }
  }

  private static func ours(_ rounds: [MeasuredRound], _ cell: String) -> [MeasuredRound] {
    rounds.filter { $0.cell == cell && $0.side == "varve" }
  }

  private static func pairs(
    _ rounds: [MeasuredRound], _ cell: String, _ side: String,
    _ ratio: (MeasuredRound, MeasuredRound) -> Double
  ) -> [Double] {
    ours(rounds, cell).compactMap { our in
      rounds.first { $0.cell == cell && $0.side == side && $0.round == our.round }
        .map { ratio(our, $0) }
    }
  }

  /// The median, with the spread as its note; nil of no values.
  static func figure(
    _ name: String, _ unit: String, bench: String = "net", least: Double? = nil,
    most: Double? = nil, _ values: [Double]
  ) -> Figure? {
    guard !values.isEmpty else { return nil }
    let spread = Spread(values)
    var figure = Figure(bench: bench, name: name, value: spread.median, unit: unit)
    (figure.least, figure.most) = (least, most)
    figure.note = String(
      format: "%.2f-%.2f in %d rounds", spread.least, spread.most, values.count)
    return figure
  }
}
