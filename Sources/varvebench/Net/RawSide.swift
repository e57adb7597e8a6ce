// The raw side of a cell: server processes of this program, one a page size, and what their
// connections ask.

import VarveBase
import VarveWire

final class RawSide {
  private let program: String
  private let directory: String
  private let sets: PageSets
  /// Page sizes whose pages lie in a file too.
  private let coldSizes: Set<Int>
  /// Loops that drive the connections; 0: a thread each.
  private let loops: Int
  private var servers: [Int: ServerProcess] = [:]

  init(program: String, directory: String, sets: PageSets, cells: [Cell], loops: Int = 0) {
    self.loops = loops
    self.program = program
    self.directory = directory
    self.sets = sets
    coldSizes = Set(cells.filter { $0.operation == .getCold }.map(\.pageBytes))
  }

  func end() { for server in servers.values { server.kill() } }

  /// The file of cold pages of this size, written when their server starts.
  func coldFile(_ pageBytes: Int) -> String { directory + "/raw\(loops)-\(pageBytes)" }

  private func server(_ pages: BenchPages) throws -> ServerProcess {
    if let running = servers[pages.pageBytes] { return running }
    let started = try ServerProcess(
      program,
      [
        "raw-server", "--file", coldFile(pages.pageBytes), "--page-bytes", "\(pages.pageBytes)",
        "--pages", "\(pages.count)", "--cold-copies",
        "\(coldSizes.contains(pages.pageBytes) ? RawServer.coldCopies : 0)", "--loops", "\(loops)",
      ])
    servers[pages.pageBytes] = started
    return started
  }

  func round(_ cell: Cell, seconds: Double) throws -> Sample {
    try rounds([cell], spacing: .poisson, seconds: seconds)[0]
  }

  /// All cells at once: of pages of one size.
  func rounds(_ cells: [Cell], spacing: OpenSchedule.Spacing, seconds: Double) throws -> [Sample] {
    let pages = sets.of(cells[0].payloadPageBytes)
    let server = try server(pages)
    let port = server.port
    if cells.contains(where: { $0.operation == .put || $0.operation == .mix }) {
      try RawClient(port: port, pages: pages).reset()
    }
    try ProcessClock.rest(server.pid)
    let lanes = cells.map { cell in
      Lane(
        connections: cell.connections, rate: cell.rate,
        spacing: cell.operation.isLookup ? .poisson : spacing
      ) {
        RawLoad(client: try RawClient(port: port, pages: pages), cell: cell, connection: $0)
      }
    }
    return try Round.run(lanes, seconds: seconds, pid: server.pid)
  }
}

private struct RawLoad: Load {
  private let client: RawClient
  private let cell: Cell
  private let connection: Int
  private let chainCount: Int
  private let order: [Cell.Operation]
  private let sizes: LookupSizes
  private var next = 0

  init(client: RawClient, cell: Cell, connection: Int) {
    self.client = client
    self.cell = cell
    self.connection = connection
    chainCount = max(1, client.pageCount / cell.pages)
    order = cell.mix?.order(seed: UInt64(connection)) ?? [cell.operation]
    sizes = LookupSizes(pages: cell.pages, pageBytes: cell.pageBytes)
  }

  mutating func warm() throws {
    switch cell.operation {
    case .getCold, .put: break
    case .mix: try client.get(.get, first: 0, count: cell.pages)
    default: _ = try call()
    }
  }

  mutating func call() throws -> Work? {
    // Connections begin at different chains, as they do with varved.
    let chain = next + connection
    let operation = order[next % order.count]
    defer { next += 1 }
    switch operation {
    case .getHot: try client.get(.get, first: chain % chainCount * cell.pages, count: cell.pages)
    case .getCold:
      guard chain < chainCount * RawServer.coldCopies else { return nil }
      try client.get(.cold, first: chain * cell.pages, count: cell.pages)
    case .put: try client.put(first: chain % chainCount * cell.pages, count: cell.pages)
    default:
      try client.echo(sent: sizes.request - RawRequest.byteCount, received: sizes.response)
      return Work(calls: 1, bytes: 0, pages: cell.pages)
    }
    return Work(calls: 1, bytes: cell.callBytes, pages: cell.pages)
  }
}

/// How many bytes a lookup and its answer take on the wire.
struct LookupSizes: Hashable, Sendable {
  let request: Int
  let response: Int

  init(pages: Int, pageBytes: Int) {
    let chain = Chain(pageIDs: BenchChain.ids(seed: 0, pages), atRoot: true)
    request =
      Limits.frameHeaderBytes + LookupRequest(namespaceID: 1, chain: chain).encode().count
    response =
      Limits.frameHeaderBytes
      + LookupResponse(hitPages: UInt32(pages), hitBytes: UInt64(pages * pageBytes)).encode().count
  }
}
