// What a worker on this host would meet: looks up, stores, reads and verifies pages in a namespace
// of its own, which is dropped again. The numbers it takes are judged by `WorkerDiagnosis`.

import VarveBase
import VarveClient
import VarveWire

struct WorkerProbe {
  /// Pages of one call, as SGLang reads them at the most in a quarter of its batch.
  static let pages = 32
  static let pageBytesMax = 16 << 20
  /// Times each round trip is taken; the median counts.
  static let rounds = 9

  /// Seconds and bytes of each step.
  struct Result: Encodable {
    var missSeconds = 0.0
    var hitSeconds = 0.0
    var putSeconds = 0.0
    var getSeconds = 0.0
    var bytes: UInt64 = 0
    var pagesStored = 0
    var pagesRead = 0
    var pagesWrong = 0
    var hitPages = 0
  }

  let pageBytes: Int
  let seed: UInt64
  private let clock = SystemClock()

  init(pageBytes: Int, seed: UInt64) {
    precondition(pageBytes > 0 && pageBytes <= Self.pageBytesMax, "a page no worker has")
    self.pageBytes = pageBytes
    self.seed = seed
  }

  func run(_ client: Client) throws(ClientError) -> Result {
    let name = "varvectl-doctor/\(seed)"
    let space = try client.openNamespace(name).namespaceID
    let result: Result
    do {
      result = try examine(client, space)
    } catch {
      _ = try? client.dropNamespace(name)
      throw error
    }
    _ = try client.dropNamespace(name)
    return result
  }

  private func examine(_ client: Client, _ space: UInt32) throws(ClientError) -> Result {
    let source = TracePages(traceName: "varvectl-doctor/\(seed)")
    let ids = (0..<Self.pages).map { source.id(ofBlock: $0) }
    let contents = ids.map { id in
      var bytes: [UInt8] = []
      source.appendContent(of: id, byteCount: pageBytes, to: &bytes)
      return bytes
    }
    let chain = Chain(pageIDs: ids, atRoot: true)
    var result = Result(bytes: UInt64(Self.pages) * UInt64(pageBytes))
    result.missSeconds = try lookups(client, space, chain).seconds
    var start = clock.monotonicNanos()
    let status = try client.put(namespaceID: space, chain: chain, pages: contents)
    result.putSeconds = seconds(since: start)
    result.pagesStored = status.count { $0 == .stored || $0 == .alreadyPresent }
    let hit = try lookups(client, space, chain)
    (result.hitSeconds, result.hitPages) = (hit.seconds, hit.pages)
    let request = GetRequest(namespaceID: space, chain: chain)
    start = clock.monotonicNanos()
    result.pagesRead = try client.get(request) { _, _, _ in true }
    result.getSeconds = seconds(since: start)
    // Once more, untimed: beside the checksums the bytes themselves.
    var wrong = 0
    try client.get(request) { page, status, bytes in
      if status == .present, source.wrongByteCount(bytes, of: ids[page]) > 0 { wrong += 1 }
      return true
    }
    result.pagesWrong = wrong
    return result
  }

  private func lookups(
    _ client: Client, _ space: UInt32, _ chain: Chain
  ) throws(ClientError) -> (seconds: Double, pages: Int) {
    var times: [Double] = []
    var pages = 0
    for _ in 0..<Self.rounds {
      let start = clock.monotonicNanos()
      pages = Int(try client.lookup(LookupRequest(namespaceID: space, chain: chain)).hitPages)
      times.append(seconds(since: start))
    }
    return (times.sorted()[times.count / 2], pages)
  }

  private func seconds(since start: UInt64) -> Double {
    Double(clock.monotonicNanos() - start) / 1e9
  }
}
