// varved's side of a cell: the daemon, and what it must hold before the clock starts.

import VarveBase
import VarveClient
import VarveWire

final class VarveSide {
  private let program: String
  private let directory: String
  private let sets: PageSets
  private var server: ServerProcess
  /// Chains that have been put: by the first of them.
  private var prepared: Set<UInt64> = []
  /// Chains put so far: each put is of pages that nobody has.
  private let putCounter = PutCounter()

  /// The memory and disk of the daemon: the arena (40 %) holds the hot pages three times over.
  static let memory = "2GiB"
  static let capacity = "8GiB"

  init(program: String, directory: String, sets: PageSets) throws {
    self.program = program
    self.directory = directory
    self.sets = sets
    server = try Self.start(program, directory)
  }

  private static func start(_ program: String, _ directory: String) throws -> ServerProcess {
    try ServerProcess(
      program,
      [
        "--data-dir", directory + "/varved", "--listen", "127.0.0.1:0", "--http", "",
        "--capacity", capacity,
      ],
      environment: ["VARVE_MEMORY_MAX": memory, "VARVE_LOG_LEVEL": "warning"])
  }

  /// Of the daemon as it is; a cold cell starts another.
  var port: UInt16 { server.port }
  var pid: Int32 { server.pid }

  func end() { server.stop() }

  func round(_ cell: Cell, seconds: Double) throws -> Sample {
    try prepare(cell)
    if cell.operation == .getCold {
      // What puts left in memory goes with the process; direct reads know no page cache.
      server.stop()
      server = try Self.start(program, directory)
    }
    try ProcessClock.rest(server.pid)
    return try Round.run([lane(cell)], seconds: seconds, pid: server.pid)[0]
  }

  /// All cells at once.
  func rounds(_ cells: [Cell], spacing: OpenSchedule.Spacing, seconds: Double) throws -> [Sample] {
    for cell in cells { try prepare(cell) }
    try ProcessClock.rest(server.pid)
    return try Round.run(
      cells.map { lane($0, $0.operation.isLookup ? .poisson : spacing) }, seconds: seconds,
      pid: server.pid)
  }

  private func lane(_ cell: Cell, _ spacing: OpenSchedule.Spacing = .poisson) -> Lane {
    let (port, counter, pages) = (server.port, putCounter, sets.of(cell.payloadPageBytes))
    return Lane(connections: cell.connections, rate: cell.rate, spacing: spacing) {
      VarveLoad(
        client: try Connected(port, pageBytes: cell.pageBytes), cell: cell, pages: pages,
        connection: $0, counter: counter)
    }
  }

  // MARK: Before the clock

  private func prepare(_ cell: Cell) throws {
    let chains = BenchChains(cell, sets.of(cell.payloadPageBytes))
    guard let range = chains.stored else { return }
    let pages =
      cell.operation.isLookup
      ? BenchPages(pageBytes: cell.pageBytes, count: cell.pages, seed: 3)
      : sets.of(cell.pageBytes)
    let connected = try Connected(server.port, pageBytes: cell.pageBytes)
    func store(_ chain: UInt64) throws {
      let first =
        Int(chain - range.lowerBound) * cell.pages % (pages.count / cell.pages * cell.pages)
      try connected.put(BenchChain.ids(seed: chain, cell.pages), pages, first)
    }
    if prepared.insert(range.lowerBound).inserted {
      for chain in range { try store(chain) }
      try connected.client.flush()
    }
    guard cell.operation == .getHot || cell.operation == .mix else { return }
    // Cells before this one may have had the arena for themselves, or filled the store.
    for chain in range {
      let ids = BenchChain.ids(seed: chain, cell.pages)
      if try connected.get(ids) == cell.pages { continue }
      try store(chain)
      let hits = try connected.get(ids)
      guard hits == cell.pages else {
        throw Failure("varved: \(hits) pages of \(cell.pages) are there before the round")
      }
    }
  }
}

/// Which chains a cell asks for: cells with the same pages ask for the same.
struct BenchChains: Hashable, Sendable {
  /// What must be stored before the round; nil: nothing.
  let stored: Range<UInt64>?

  /// - Parameter pages: what is put, of the cell's page size.
  init(_ cell: Cell, _ pages: BenchPages) {
    let shape = UInt64(cell.pageBytes / 4096) << 32 | UInt64(cell.pages) << 16
    let hotCount = UInt64(max(1, pages.count / cell.pages))
    switch cell.operation {
    case .getHot, .mix: stored = Self.range(1 << 56 | shape, hotCount)
    case .getCold: stored = Self.range(2 << 56 | shape, hotCount * UInt64(RawServer.coldCopies))
    case .lookup, .lookupExact, .lookupAhead, .lookupUnderBulk:
      stored = Self.range(3 << 56 | shape, 1)
    case .put: stored = nil
    }
  }

  /// Chains that are put in rounds begin here.
  static let firstPut: UInt64 = 1 << 60

  private static func range(_ first: UInt64, _ count: UInt64) -> Range<UInt64> {
    first..<first + count
  }
}
