// Do look-ups overtake bulk? Their times alone, then beside hot gets at half of what those reach,
// both in an open loop; for the raw program too, since two processors shared by both ends slow any
// look-up down.

enum UnderBulk {
  /// How a side runs several cells at once.
  typealias Run = (_ cells: [Cell], _ spacing: OpenSchedule.Spacing, _ seconds: Double) throws ->
    [Sample]

  struct Outcome {
    let idle: Sample
    let loaded: Sample
    let bulk: Sample
    let bulkCell: Cell

    var ratio: Double { (loaded.latency?.p99 ?? 0) / (idle.latency?.p99 ?? 1) }
  }

  /// A percentile of 1 % wants a few hundred calls.
  static let secondsMin = 2.0

  static func idleCell(_ cell: Cell) -> Cell {
    Cell(.lookup, cell.pageBytes, cell.pages, connections: cell.connections, rate: cell.rate)
  }

  static func round(_ cell: Cell, seconds: Double, _ run: Run) throws -> Outcome {
    let bulk = Cell(.getHot, Cell.pageBytesLarge, 32, connections: 1)
    let peak = try run([bulk], .even, seconds)[0]
    let half = Cell(
      bulk.operation, bulk.pageBytes, bulk.pages, connections: bulk.connections,
      rate: Double(peak.calls) / peak.seconds / 2)
    let (idle, length) = (idleCell(cell), max(seconds, secondsMin))
    let alone = try run([idle], .even, length)[0]
    let both = try run([idle, half], .even, length)
    return Outcome(idle: alone, loaded: both[0], bulk: both[1], bulkCell: half)
  }

  static func lines(_ cell: Cell, _ side: String, _ round: Int, _ outcome: Outcome) -> [ResultLine]
  {
    func line(_ name: String, _ sample: Sample, _ rate: Double?) -> ResultLine {
      .round(
        MeasuredRound(
          bench: "net", cell: name, side: side, round: round, sample: sample, isServed: true,
          rate: rate))
    }
    let open = "open\(Int(cell.rate ?? 0))"
    return [
      line("lookup-\(cell.pages)-idle-\(open)", outcome.idle, cell.rate),
      line("\(cell.name)-\(open)", outcome.loaded, cell.rate),
      line("bulk-beside-lookups", outcome.bulk, outcome.bulkCell.rate),
    ]
  }
}
