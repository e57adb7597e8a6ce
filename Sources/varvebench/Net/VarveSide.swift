// varved's side of a cell: the daemon, what it must hold before the clock starts, and what its
// connections ask.

import Synchronization
import VarveBase
import VarveClient
import VarveWire

final class VarveSide {
  private let program: String
  private let directory: String
  private let pages: BenchPages
  private let small: BenchPages
  private var server: ServerProcess
  private var prepared: Set<Cell.Operation> = []
  /// Chains put so far: each put is of pages that nobody has.
  private let putCounter = PutCounter()

  /// The memory and disk of the daemon: the arena (40 %) holds the hot pages three times over.
  static let memory = "1GiB"
  static let capacity = "8GiB"
  static let namespace = "bench"

  init(program: String, directory: String, pages: BenchPages, small: BenchPages) throws {
    self.program = program
    self.directory = directory
    self.pages = pages
    self.small = small
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

  func end() { server.stop() }

  func round(_ cell: Cell, seconds: Double) throws -> Sample {
    try prepare(cell)
    if cell.operation == .getCold {
      // What puts left in memory goes with the process; direct reads know no page cache.
      server.stop()
      server = try Self.start(program, directory)
    }
    try ProcessClock.rest(server.pid)
    let (port, counter) = (server.port, putCounter)
    let pages = cell.pageBytes == pages.pageBytes ? pages : small
    return try Round.run(connections: cell.connections, seconds: seconds, pid: server.pid) {
      VarveLoad(
        client: try Self.connect(port), cell: cell, pages: pages, connection: $0, counter: counter)
    }
  }

  // MARK: Before the clock

  private func prepare(_ cell: Cell) throws {
    // All look-ups ask for the same chain.
    let kind = cell.operation.isLookup ? .lookup : cell.operation
    guard prepared.insert(kind).inserted else { return }
    let connected = try Self.connect(server.port)
    switch kind {
    case .put: break
    case .getHot: try put(chains: VarveLoad.hotChains(pages), cell, pages, connected)
    case .getCold:
      try put(chains: VarveLoad.coldChains(pages), cell, pages, connected)
    case .lookup, .lookupExact, .lookupAhead:
      let tiny = BenchPages(pageBytes: cell.pageBytes, count: cell.pages, seed: 3)
      try put(chains: VarveLoad.lookupChain..<VarveLoad.lookupChain + 1, cell, tiny, connected)
    }
    try connected.client.flush()
  }

  private func put(
    chains: Range<UInt64>, _ cell: Cell, _ pages: BenchPages, _ connected: Connected
  ) throws {
    for chain in chains {
      let first = Int(chain - chains.lowerBound) * cell.pages % pages.count
      try connected.put(BenchChain.ids(seed: chain, cell.pages), pages, first)
    }
  }

  private static func connect(_ port: UInt16) throws -> Connected {
    let client = try Client(.tcp(host: "127.0.0.1", port: port))
    let opened = try client.openNamespace(namespace)
    return Connected(client: client, namespaceID: opened.namespaceID)
  }
}

/// Numbers for chains that are new.
private final class PutCounter: Sendable {
  private let count = Atomic<UInt64>(1 << 32)

  /// Relaxed: only that no number comes twice matters.
  func next() -> UInt64 { count.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// A connection with the namespace opened.
private struct Connected {
  let client: Client
  let namespaceID: UInt32

  /// Puts pages `first`, … under `ids`; anything but STORED is a failure.
  func put(_ ids: [PageID], _ pages: BenchPages, _ first: Int) throws {
    let bytes = unsafe (first..<first + ids.count).map { unsafe pages.bytes($0..<$0 + 1) }
    let status = try unsafe client.put(
      namespaceID: namespaceID, chain: Chain(pageIDs: ids, atRoot: true), pages: bytes)
    guard status.allSatisfy({ $0 == .stored }) else {
      throw Failure("varved: a put was answered \(status.first { $0 != .stored } ?? .stored)")
    }
  }
}

private struct VarveLoad: Load {
  static func hotChains(_ pages: BenchPages) -> Range<UInt64> { 1..<1 + UInt64(pages.count / 32) }

  /// As many as the raw server's cold file has.
  static func coldChains(_ pages: BenchPages) -> Range<UInt64> {
    1000..<1000 + UInt64(pages.count / 32 * RawServer.coldCopies)
  }

  static let lookupChain: UInt64 = 2000

  private let connected: Connected
  private let cell: Cell
  private let pages: BenchPages
  private let connection: Int
  private let counter: PutCounter
  /// Made beforehand: what makes ids is no part of a look-up.
  private let lookup: LookupRequest
  private var next = 0

  init(
    client: Connected, cell: Cell, pages: BenchPages, connection: Int, counter: PutCounter
  ) {
    lookup = LookupRequest(
      namespaceID: client.namespaceID,
      chain: Chain(pageIDs: BenchChain.ids(seed: Self.lookupChain, cell.pages), atRoot: true),
      exact: cell.operation != .lookup, prefetch: cell.operation == .lookupAhead)
    connected = client
    self.cell = cell
    self.pages = pages
    self.connection = connection
    self.counter = counter
  }

  mutating func call() throws -> Work? {
    let number = UInt64(next + connection)
    defer { next += 1 }
    switch cell.operation {
    case .getHot:
      let chains = Self.hotChains(pages)
      try get(chains.lowerBound + number % UInt64(chains.count))
    case .getCold:
      let chains = Self.coldChains(pages)
      guard number < UInt64(chains.count) else { return nil }
      try get(chains.lowerBound + number)
    case .put:
      let first = Int(number) * cell.pages % pages.count
      try connected.put(BenchChain.ids(seed: counter.next(), cell.pages), pages, first)
    case .lookup, .lookupExact, .lookupAhead:
      let answer = try connected.client.lookup(lookup)
      guard answer.hitPages == UInt32(cell.pages) else {
        throw Failure("varved: a lookup found \(answer.hitPages) of \(cell.pages) pages")
      }
    }
    return Work(calls: 1, bytes: cell.callBytes, pages: cell.pages)
  }

  private func chain(_ number: UInt64) -> Chain {
    Chain(pageIDs: BenchChain.ids(seed: number, cell.pages), atRoot: true)
  }

  /// Every page whole and in order; the client has verified their checksums.
  private func get(_ number: UInt64) throws {
    var due = 0
    let request = GetRequest(namespaceID: connected.namespaceID, chain: chain(number))
    try connected.client.get(request) { page, status, _ in
      guard page == due, status == .present else { return false }
      due += 1
      return true
    }
    guard due == cell.pages else {
      throw Failure("varved: \(due) pages of \(cell.pages) came")
    }
  }
}
