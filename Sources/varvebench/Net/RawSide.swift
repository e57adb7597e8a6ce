// The raw side of a cell: a server process of this program, and what its connections ask.

import VarveBase
import VarveWire

final class RawSide {
  private let server: ServerProcess
  private let pages: BenchPages

  init(program: String, directory: String, pages: BenchPages) throws {
    self.pages = pages
    server = try ServerProcess(
      program,
      [
        "raw-server", "--file", directory + "/raw", "--page-bytes", "\(pages.pageBytes)",
        "--pages", "\(pages.count)",
      ])
  }

  func end() { server.kill() }

  func round(_ cell: Cell, seconds: Double, small: BenchPages) throws -> Sample {
    let (port, pages) = (server.port, cell.pageBytes == pages.pageBytes ? pages : small)
    if cell.operation == .put { try RawClient(port: port, pages: pages).reset() }
    return try Round.run(connections: cell.connections, seconds: seconds, pid: server.pid) {
      RawLoad(
        client: try RawClient(port: port, pages: pages), cell: cell, connection: $0,
        pageCount: pages.count)
    }
  }
}

private struct RawLoad: Load {
  let client: RawClient
  let cell: Cell
  let connection: Int
  let pageCount: Int
  private var next = 0

  init(client: RawClient, cell: Cell, connection: Int, pageCount: Int) {
    self.client = client
    self.cell = cell
    self.connection = connection
    self.pageCount = pageCount
  }

  mutating func call() throws -> Work? {
    // Connections begin at different chains, as they do with varved.
    let chains = pageCount / cell.pages
    let chain = next + connection
    defer { next += 1 }
    switch cell.operation {
    case .getHot:
      try client.get(.get, first: chain % chains * cell.pages, count: cell.pages)
    case .getCold:
      guard chain < chains * RawServer.coldCopies else { return nil }
      try client.get(.cold, first: chain * cell.pages, count: cell.pages)
    case .put: try client.put(first: chain % chains * cell.pages, count: cell.pages)
    case .lookup, .lookupExact, .lookupAhead:
      let sizes = LookupSizes(pages: cell.pages, pageBytes: cell.pageBytes)
      try client.echo(sent: sizes.request - RawRequest.byteCount, received: sizes.response)
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
