// The run of `varvebench engine`: page size by page size, cell by cell, round by round, all sides
// in turn, so that whatever else the machine does falls on all of them.

final class EngineBench {
  private let directory: BenchDirectory
  private let rounds: Int
  private let seconds: Double
  private let rocks: String?

  /// - Parameter rocks: the RocksDB program; nil leaves that side out.
  init(directory: String, rocks: String?, rounds: Int, seconds: Double) throws {
    self.rocks = rocks
    self.rounds = rounds
    self.seconds = seconds
    self.directory = try BenchDirectory(in: directory)
  }

  func remove() { directory.remove() }

  func run(_ cells: [EngineCell], commit: String) throws -> [ResultLine] {
    let machine = Machine.this()
    var lines: [ResultLine] = [
      .machine(
        processors: machine.processors, model: machine.model, load: machine.load, commit: commit)
    ]
    for pageBytes in EngineCell.pageSizes {
      let ofSize = cells.filter { $0.pageBytes == pageBytes }
      if !ofSize.isEmpty { lines += try run(ofSize, pageBytes: pageBytes) }
    }
    return lines
  }

  private func run(_ cells: [EngineCell], pageBytes: Int) throws -> [ResultLine] {
    let pages = BenchPages(pageBytes: pageBytes, count: (128 << 20) / pageBytes)
    let ours = try StoreSide(directory: directory.path + "/varve", pages: pages)
    defer { ours.end() }
    let raw = RawDisk(path: directory.path + "/raw", pages: pages)
    defer { raw.end() }
    let fio = FioSide(path: directory.path + "/raw")
    let peers = try self.peers(cells[0])
    defer { for (_, peer) in peers { peer.end() } }
    var lines: [ResultLine] = []
    for cell in cells {
      for round in 0..<rounds {
        Console.note("\(cell.name): round \(round + 1) of \(rounds)")
        func add(_ side: String, _ sample: Sample) {
          lines.append(
            .round(
              MeasuredRound(
                bench: "engine", cell: cell.name, side: side, round: round, sample: sample)))
        }
        add("varve", try ours.round(cell, seconds: seconds))
        add("raw", try raw.round(cell, seconds: seconds))
        if cell.operation == .getCold, let fio {
          let sample = try fio.read(
            blockBytes: cell.pageBytes, jobs: cell.workers, of: EngineCell.coldBytes,
            seconds: seconds)
          add("fio", sample)
        }
        for (name, peer) in peers where cell.operation == .put || name == Self.rocksName {
          add(name, try peer.round(cell, seconds: seconds))
        }
      }
    }
    return lines
  }

  private static let rocksName = "rocksdb"

  /// With its write-ahead log RocksDB promises what Varve does; without, less: that is for puts
  /// alone, where it costs less.
  private func peers(_ cell: EngineCell) throws -> [(String, RocksSide)] {
    guard let rocks else { return [] }
    return [
      (
        Self.rocksName,
        try RocksSide(program: rocks, directory: directory.path + "/rocks", cell: cell, wal: true)
      ),
      (
        Self.rocksName + "-nowal",
        try RocksSide(
          program: rocks, directory: directory.path + "/rocks-nowal", cell: cell, wal: false)
      ),
    ]
  }
}
