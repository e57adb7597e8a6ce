// Full queues and full memory: a refusal at once with its numbers; everything works again after.

import Testing
import VarveBase
import VarveClient
import VarveFile
import VarveServer
import VarveWire

@testable import VarveEngine

@Suite(.serialized) struct PressureTests {
  /// Keeps every thread of the engine's pool busy, then fills its queue, until `isOver`.
  private func fillQueue(_ server: TestServer, _ isOver: Monitor<Bool>) throws {
    let engine = try #require(server.server.calls).engine
    let threads = ServerConfiguration().ioThreads
    let busy = Monitor(0)
    for _ in 0..<threads {
      try engine.background {
        busy.update { $0 += 1 }
        _ = isOver.wait { $0 ? true : nil }
      }
    }
    #expect(server.wait { busy.update { $0 } == threads })
    for _ in 0..<Limits.ioQueueMax { try engine.background {} }
    #expect(throws: EngineError.queueFull(limit: Limits.ioQueueMax)) {
      try engine.background {}
    }
  }

  @Test func aFullQueueRefusesAtOnceAndOnlyThoseCalls() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let chain = Chain(pageIDs: Pages.ids(2))
    _ = try client.put(
      namespaceID: id, chain: chain, pages: [Pages.bytes(10, 1), Pages.bytes(10, 2)])
    let isOver = Monitor(false)
    defer { isOver.update { $0 = true } }
    try fillQueue(server, isOver)
    let deletion = #expect(throws: ClientError.self) {
      try client.delete(PagesRequest(namespaceID: id, chain: chain))
    }
    guard case .problem(let problem)? = deletion else {
      Issue.record("\(String(describing: deletion))")
      return
    }
    #expect(problem.status == .resourceExhausted)
    #expect(problem.limitValue == UInt64(Limits.ioQueueMax))
    #expect(problem.message.contains("retry later"))
    // Look-ups need no job, nor do gets of pages that lie in memory.
    #expect(try client.get(GetRequest(namespaceID: id, chain: chain)).count == 2)
    try #require(server.server.calls).engine.arena.dropSegment(1)
    let reading = #expect(throws: ClientError.self) {
      try client.get(GetRequest(namespaceID: id, chain: chain))
    }
    #expect(reading?.status == .resourceExhausted)
    #expect(try client.lookup(LookupRequest(namespaceID: id, chain: chain)).hitPages == 2)
    isOver.update { $0 = true }
    let isBack = server.wait {
      (try? client.delete(PagesRequest(namespaceID: id, chain: chain))) == 2
    }
    #expect(isBack)
  }

  /// Takes all memory but `rest` bytes; returns what was taken.
  private func takeMemory(_ server: TestServer, butFor rest: Int) -> Int {
    let ledger = server.server.ledger
    let taken = ledger.limitBytes - ledger.totalBytes - rest
    #expect(ledger.reserve(taken, for: .filter))
    return taken
  }

  @Test func aMessageThatDoesNotFitTheMemoryEndsItsConnection() throws {
    let server = try TestServer()
    let bystander = try server.client()
    let raw = try server.raw()
    try raw.hello()
    let taken = takeMemory(server, butFor: 900_000)
    let tokens = (0..<UInt32(100_000)).map { $0 | 0x8000_0000 }
    let long = LookupRequest(
      namespaceID: 1, chain: Chain(tokens: tokens, pageTokens: 1)
    ).encode()
    #expect(long.count < 900_000)
    try raw.send(.request, flags: .last, method: .lookup, stream: 1, long)
    #expect(try raw.frame().problem?.status == .notFound)
    // The first message's memory comes back right after its answer.
    #expect(server.wait { server.server.ledger.reserve(800_000, for: .filter) })
    try? raw.send(.request, flags: .last, method: .lookup, stream: 3, long)
    let goAway = try raw.frame()
    #expect(goAway.header.type == .goAway)
    #expect(goAway.problem?.status == .resourceExhausted)
    #expect(goAway.problem?.limitValue == 96 << 20)
    #expect(try raw.next() == nil)
    try bystander.ping()
    server.server.ledger.release(taken + 800_000, for: .filter)
    #expect(server.wait { server.server.ledger.bytes(of: .request) == 0 })
  }

  @Test func aConnectionThatDoesNotFitTheMemoryIsToldSo() throws {
    let server = try TestServer()
    let taken = takeMemory(server, butFor: Limits.receiveScratchBytes - 1)
    let goAway = try server.raw().frame()
    #expect(goAway.problem?.status == .resourceExhausted)
    #expect(goAway.problem?.message.contains("no memory") == true)
    server.server.ledger.release(1, for: .filter)
    try server.client().ping()
    server.server.ledger.release(taken - 1, for: .filter)
    #expect(server.wait { server.server.ledger.bytes(of: .connection) == 0 })
  }

  /// Pages of `count` MiB under a name of their own.
  private func stored(
    _ server: TestServer, _ name: String, count: Int
  ) throws -> (id: UInt32, chain: Chain) {
    let client = try server.client()
    let id = try client.openNamespace(name).namespaceID
    let chain = Chain(pageIDs: Pages.ids(count, seed: UInt32(name.utf8.first ?? 0)))
    let pages = (0..<count).map { Pages.bytes(1 << 20, $0) }
    #expect(
      try client.put(namespaceID: id, chain: chain, pages: pages).allSatisfy { $0 == .stored })
    return (id, chain)
  }

  /// Connections that ask for everything and read nothing hold what they may, each ever less; a
  /// namespace beside theirs is served as if they were not there, and theirs again when they go.
  @Test func aCrowdThatDoesNotReadLeavesRoomForOthers() throws {
    let server = try TestServer {
      $0.stallSeconds = 60
      $0.capacityBytes = 256 << 20
    }
    let engine = try #require(server.server.calls).engine
    let theirs = try stored(server, "theirs", count: 60)
    let ours = try stored(server, "ours", count: 4)
    // Pages that many hold count once: each begins elsewhere.
    var mute: [RawClient] = []
    for first in 0..<60 {
      let request = GetRequest(
        namespaceID: theirs.id, chain: theirs.chain, first: UInt32(first)
      ).encode()
      let raw = try server.raw()
      try raw.hello()
      for get in 0..<4 {
        try raw.send(.request, flags: .last, method: .get, stream: UInt32(2 * get + 1), request)
      }
      mute.append(raw)
    }
    #expect(server.wait { engine.arena.waitingCount > 0 }, "they were given all they asked for")
    let client = try server.client()
    for _ in 0..<3 {
      #expect(try client.get(GetRequest(namespaceID: ours.id, chain: ours.chain)).count == 4)
    }
    // One more of theirs waits in line: not refused, not starved.
    let answered = Locked<Int?>(nil)
    let endpoint = Endpoint.tcp(host: "127.0.0.1", port: server.port)
    let late = NamedThread("late") {
      let request = GetRequest(namespaceID: theirs.id, chain: theirs.chain)
      let got = try? Client(endpoint, options: ClientOptions(timeoutMillis: 200_000)).get(request)
      answered.withLock { $0 = got?.count ?? -1 }
    }
    let ledger = server.server.ledger
    #expect(ledger.totalBytesMax <= ledger.limitBytes)
    mute = []
    late.join()
    #expect(answered.withLock { $0 } == 60)
    // Every get of theirs that waited is looked at before its connection is given up.
    #expect(
      server.wait(seconds: 100) { !engine.arena.isTight && engine.arena.waitingCount == 0 })
    #expect(server.wait { engine.arena.state.peek { $0.room.held.isEmpty } })
    engine.arena.state.peek { $0.checkInvariants() }
  }

  /// A connection's puts may hold a quarter of the memory for them, and one always.
  @Test func putsBeyondAConnectionsPartAreRefusedAndOnlyThose() throws {
    let server = try TestServer()
    let limit = try #require(server.server.calls).engine.configuration.stagingBytes / 4
    let raw = try server.raw()
    try raw.hello()
    let id = try server.client().openNamespace("n").namespaceID
    let page = 2 << 20
    var refused: Problem?
    var stream: UInt32 = 1
    while refused == nil, stream < 41 {
      let ids = Pages.ids(1, seed: stream)
      let header = PutHeader(
        namespaceID: id, chain: Chain(pageIDs: ids), first: 0, count: 1,
        pageBytes: [UInt32(page)], checksum: [0], ask: true)
      try raw.send(.request, method: .put, stream: stream, header.encode())
      refused = try raw.frame().problem
      stream += 2
    }
    #expect(refused?.status == .resourceExhausted)
    #expect(refused?.limit == "connection_put_bytes")
    #expect(refused?.limitValue == UInt64(limit))
    #expect(Int(stream / 2) - 1 == limit / page, "so many were let in")
    // Another connection is not concerned.
    let client = try server.client()
    let statuses = try client.put(
      namespaceID: id, chain: Chain(pageIDs: Pages.ids(1, seed: 99)),
      pages: [Pages.bytes(page, 1)])
    #expect(statuses == [.stored])
  }

  @Test func answersThatNobodyReadsStopTheReadingOfMore() throws {
    let server = try TestServer { $0.stallSeconds = 1 }
    let bystander = try server.client()
    let raw = try server.raw()
    try raw.hello()
    raw.setTimeouts(millis: 3000)
    // Far more PINGs than answers may wait: the server must stop reading, then close.
    let pings = (0..<2000).flatMap { _ in
      RawClient.frame(.ping, payload: Pages.bytes(64, 1))
    }
    var sent = 0
    do {
      for _ in 0..<400 {
        try raw.send(pings)
        sent += pings.count
      }
    } catch {}
    #expect(sent < 400 * pings.count)
    #expect(server.wait { server.server.openConnections == 1 })
    try bystander.ping()
  }
}
