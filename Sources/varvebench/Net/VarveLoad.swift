// What one connection to varved asks in a round.

import Synchronization
import VarveBase
import VarveClient
import VarveWire

/// Numbers for chains that are new.
final class PutCounter: Sendable {
  private let count = Atomic<UInt64>(BenchChains.firstPut)

  /// Relaxed: only that no number comes twice matters.
  func next() -> UInt64 { count.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// A connection with the namespace opened.
struct Connected {
  let client: Client
  let namespaceID: UInt32

  /// The namespace is that of its page size, as a model's is: where pages have several lengths a
  /// look-up must find out each one's.
  init(_ port: UInt16, pageBytes: Int) throws {
    client = try Client(.tcp(host: "127.0.0.1", port: port))
    namespaceID = try client.openNamespace("bench-\(pageBytes)").namespaceID
  }

  /// Puts pages `first`, … under `ids`; anything but STORED is a failure.
  func put(_ ids: [PageID], _ pages: BenchPages, _ first: Int) throws {
    let bytes = unsafe (first..<first + ids.count).map { unsafe pages.bytes($0..<$0 + 1) }
    let status = try unsafe client.put(
      namespaceID: namespaceID, chain: Chain(pageIDs: ids, atRoot: true), pages: bytes)
    guard status.allSatisfy({ $0 == .stored }) else {
      throw Failure("varved: a put was answered \(status.first { $0 != .stored } ?? .stored)")
    }
  }

  /// How many pages came, whole and in order; the client has verified their checksums.
  ///
  /// - Parameter begun: called when the first byte has come.
  func get(_ ids: [PageID], begun: () -> Void = {}) throws -> Int {
    var due = 0
    let request = GetRequest(
      namespaceID: namespaceID, chain: Chain(pageIDs: ids, atRoot: true))
    try client.get(request, begun: begun) { page, status, _ in
      guard page == due, status == .present else { return false }
      due += 1
      return true
    }
    return due
  }
}

struct VarveLoad: Load {
  private let connected: Connected
  private let cell: Cell
  private let pages: BenchPages
  private let connection: Int
  private let counter: PutCounter
  private let stored: Range<UInt64>
  /// Made beforehand, one a chain: what makes ids is no part of a look-up.
  private let lookups: [LookupRequest]
  private let order: [Cell.Operation]
  private var next = 0

  init(
    client: Connected, cell: Cell, pages: BenchPages, connection: Int, counter: PutCounter
  ) {
    connected = client
    self.cell = cell
    self.pages = pages
    self.connection = connection
    self.counter = counter
    stored = BenchChains(cell, pages).stored ?? 0..<1
    order = cell.mix?.order(seed: UInt64(connection)) ?? [cell.operation]
    let isExact = cell.operation == .lookupExact || cell.operation == .lookupAhead
    lookups =
      order.contains(where: \.isLookup)
      ? stored.map {
        LookupRequest(
          namespaceID: client.namespaceID,
          chain: Chain(pageIDs: BenchChain.ids(seed: $0, cell.pages), atRoot: true),
          exact: isExact, prefetch: cell.operation == .lookupAhead)
      } : []
  }

  mutating func warm() throws {
    switch cell.operation {
    case .getCold, .put: break
    case .mix: try get(stored.lowerBound)
    default: _ = try call()
    }
  }

  mutating func call() throws -> Work? {
    // Connections begin at different chains.
    let number = next + connection
    let operation = order[next % order.count]
    defer { next += 1 }
    switch operation {
    case .getHot: try get(chain(number))
    case .getCold:
      guard number < stored.count else { return nil }
      let clock = SystemClock()
      let asked = clock.monotonicNanos()
      var first = asked
      try get(chain(number)) { first = clock.monotonicNanos() }
      return Work(
        calls: 1, bytes: cell.callBytes, pages: cell.pages, firstByteNanos: first - asked)
    case .put:
      let chains = pages.count / cell.pages
      let first = number % chains * cell.pages
      try connected.put(BenchChain.ids(seed: counter.next(), cell.pages), pages, first)
    default:
      let answer = try connected.client.lookup(lookups[number % lookups.count])
      guard answer.hitPages == UInt32(cell.pages) else {
        throw Failure("varved: a lookup found \(answer.hitPages) of \(cell.pages) pages")
      }
      return Work(calls: 1, bytes: 0, pages: cell.pages)
    }
    return Work(calls: 1, bytes: cell.callBytes, pages: cell.pages)
  }

  private func chain(_ number: Int) -> UInt64 {
    stored.lowerBound + UInt64(number % stored.count)
  }

  private func get(_ chain: UInt64, begun: () -> Void = {}) throws {
    let hits = try connected.get(BenchChain.ids(seed: chain, cell.pages), begun: begun)
    guard hits == cell.pages else { throw Failure("varved: \(hits) pages of \(cell.pages) came") }
  }
}
