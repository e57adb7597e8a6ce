// Many clients at once, each checking every byte; deletes, listings and puts between them.

import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct ConcurrencyTests {
  /// What one client does for `rounds` rounds; returns what went wrong.
  private static func work(
    _ port: UInt16, _ worker: Int, _ seed: UInt64, rounds: Int
  ) -> String? {
    var generator = SeededGenerator(seed: seed &+ UInt64(worker))
    do {
      let client = try Client(.tcp(host: "127.0.0.1", port: port))
      let id = try client.openNamespace("shared").namespaceID
      for round in 0..<rounds {
        let chainSeed = UInt32.random(in: 0..<6, using: &generator) * 1000
        let count = Int.random(in: 1...40, using: &generator)
        let ids = Pages.ids(count, seed: chainSeed)
        let chain = Chain(pageIDs: ids)
        let pages = ids.map { Pages.bytes(Int($0.word0 % 9000) + 1, Int($0.word1 >> 8)) }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0, 1:
          let options = PutOptions(durable: round % 5 == 0, ask: Bool.random(using: &generator))
          let statuses = try client.put(
            namespaceID: id, chain: chain, pages: pages, options: options)
          let good: Set<PageStatus> = [.stored, .alreadyPresent]
          if !good.isSuperset(of: statuses) { return "put: \(Set(statuses))" }
        case 2 where round % 7 == 0:
          _ = try client.delete(PagesRequest(namespaceID: id, chain: chain))
        case 3:
          let found = try client.lookup(
            LookupRequest(namespaceID: id, chain: chain, wantPresent: true, exact: true))
          if found.hitPages > count { return "lookup: \(found.hitPages) of \(count)" }
        default:
          let sparse = Bool.random(using: &generator)
          let got = try client.get(GetRequest(namespaceID: id, chain: chain, sparse: sparse))
          for (index, bytes) in got.enumerated() where bytes != nil {
            if bytes != pages[index] { return "page \(index) came with other bytes" }
          }
        }
      }
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func everyByteIsRightWithManyClients() throws {
    let server = try TestServer()
    let seed = SeededGenerator("concurrency").seed
    let workers = 6
    let results = Monitor([String?]())
    for worker in 0..<workers {
      let port = server.port
      let isStarted = VarveServer.Thread.start("worker", stackBytes: 1 << 20) {
        let result = Self.work(port, worker, seed, rounds: 40)
        results.update { $0.append(result) }
      }
      #expect(isStarted)
    }
    let deadline = SystemClock().monotonicNanos() + 60_000_000_000
    let all = results.wait(until: deadline) { $0.count == workers ? $0 : nil }
    #expect(all?.compactMap { $0 } == [])
    #expect(server.wait { server.server.openConnections == 0 })
    #expect(server.server.metrics.badFrames.current == 0)
  }

  /// More calls that wait for the disk than there are threads for them, on one connection.
  @Test func blockingCallsInFlightAllAnswer() throws {
    let server = try TestServer()
    let raw = try server.raw()
    try raw.hello()
    for index in 0..<UInt32(100) {
      let request = OpenNamespaceRequest(name: "n\(index)").encode()
      try raw.send(
        .request, flags: .last, method: .openNamespace, stream: index * 2 + 1, request)
    }
    var streams: Set<UInt32> = []
    for _ in 0..<100 {
      let frame = try raw.frame()
      #expect(frame.problem == nil)
      streams.insert(frame.header.stream)
    }
    #expect(streams.count == 100)
  }
}
