// A side of `varvebench peers`: whoever keeps pages, asked by one kind of client.

/// Not for several threads.
protocol PeerSide: AnyObject {
  var name: String { get }
  /// How it was started and who asks it, for the record.
  var configuration: String { get }
  /// Whether a process of its own serves; if not, all processor time is the caller's.
  var isServed: Bool { get }
  func round(_ cell: Cell, seconds: Double) throws -> Sample
  func end()
}

/// varved asked by Varve's client.
final class VarvePeer: PeerSide {
  let name = "varve"
  let configuration =
    "varved, files on disk, memory_max \(VarveSide.memory), capacity \(VarveSide.capacity); "
    + "Swift client, every page put is new"
  let isServed = true
  private let side: VarveSide

  init(_ side: VarveSide) { self.side = side }

  func round(_ cell: Cell, seconds: Double) throws -> Sample {
    try side.round(cell, seconds: seconds)
  }

  func end() {}
}

/// Redis, Valkey or memcached asked by our raw client.
final class RawPeer: PeerSide {
  let name: String
  let configuration: String
  let isServed = true
  private let server: PeerProcess
  private let wire: any PeerProtocol
  private let sets: PageSets
  private var batches: [String: [PeerBatch]] = [:]

  init(
    _ name: String, _ configuration: String, _ server: PeerProcess, _ wire: any PeerProtocol,
    _ sets: PageSets
  ) {
    self.name = name
    self.configuration = configuration
    self.server = server
    self.wire = wire
    self.sets = sets
  }

  func round(_ cell: Cell, seconds: Double) throws -> Sample {
    let pages = sets.of(cell.pageBytes)
    let batches = try batches(cell, pages)
    let port = server.port
    try ProcessClock.rest(server.pid)
    return try Round.run(connections: cell.connections, seconds: seconds, pid: server.pid) {
      PeerLoad(
        client: try PeerClient(port: port, pages: pages), cell: cell, batches: batches,
        connection: $0)
    }
  }

  func end() { server.end() }

  /// Made, and for gets put, when a cell first needs them. Sets overwrite their keys over and over.
  private func batches(_ cell: Cell, _ pages: BenchPages) throws -> [PeerBatch] {
    let prefix = cell.operation.rawValue
    let key = "\(prefix)-\(cell.pageBytes)-\(cell.pages)"
    if let made = batches[key] { return made }
    let made = stride(from: 0, through: pages.count - cell.pages, by: cell.pages).map {
      PeerBatch(wire, prefix: prefix, pages: $0..<$0 + cell.pages, pageBytes: cell.pageBytes)
    }
    // Puts too: the clock shall not see how memory is first had from the system.
    let client = try PeerClient(port: server.port, pages: pages)
    for batch in made { try client.put(batch) }
    batches[key] = made
    return made
  }
}

private struct PeerLoad: Load {
  let client: PeerClient
  let cell: Cell
  let batches: [PeerBatch]
  let connection: Int
  private var next = 0

  init(client: PeerClient, cell: Cell, batches: [PeerBatch], connection: Int) {
    self.client = client
    self.cell = cell
    self.batches = batches
    self.connection = connection
  }

  mutating func warm() throws { _ = try call() }

  mutating func call() throws -> Work? {
    // Connections lie apart: two never write the same keys at once.
    let stretch = batches.count / cell.connections
    let batch = batches[(connection * stretch + next % max(1, stretch)) % batches.count]
    next += 1
    if cell.operation == .put { try client.put(batch) } else { try client.get(batch) }
    return Work(calls: 1, bytes: cell.callBytes, pages: cell.pages)
  }
}
