// Pages through real sockets: put, ask, get, windows, streams in flight, what breaks off.

import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct TransferTests {
  private func put(
    _ client: Client, _ id: UInt32, _ ids: [PageID], _ pages: [[UInt8]],
    _ options: PutOptions = PutOptions()
  ) throws -> [PageStatus] {
    try client.put(namespaceID: id, chain: Chain(pageIDs: ids), pages: pages, options: options)
  }

  @Test(arguments: [1, 4095, 4096, 65_537, 1 << 20])
  func pagesComeBackAsTheyWere(_ byteCount: Int) throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(5)
    let pages = (0..<5).map { Pages.bytes(byteCount, $0 + byteCount) }
    #expect(try put(client, id, ids, pages) == Array(repeating: .stored, count: 5))
    #expect(try put(client, id, ids, pages) == Array(repeating: .alreadyPresent, count: 5))
    let request = GetRequest(namespaceID: id, chain: Chain(pageIDs: ids))
    #expect(try client.get(request) == pages)
    let found = try client.lookup(
      LookupRequest(namespaceID: id, chain: Chain(pageIDs: ids), wantPresent: true))
    #expect(found.hitPages == 5)
    #expect(found.hitBytes == UInt64(5 * byteCount))
    #expect(found.present == [0b11111])
    let middle = GetRequest(namespaceID: id, chain: Chain(pageIDs: ids), first: 2, count: 2)
    #expect(try client.get(middle) == [nil, nil, pages[2], pages[3]].suffix(2).map { $0 })
  }

  @Test func aColdGetBeginsWithAShortRead() throws {
    let chains = [UInt32(1), 2].map { Pages.ids(20, seed: $0 * 1000) }
    let pages = (0..<20).map { Pages.bytes(512 << 10, $0) }
    let first = try TestServer()
    let id = try first.namespace("n")
    for ids in chains {
      #expect(try put(first.client(), id, ids, pages) == Array(repeating: .stored, count: 20))
    }
    first.stop()
    let server = try TestServer(on: first.directory)
    let raw = try server.raw()
    _ = try raw.hello()
    var stream: UInt32 = 1
    func runs(_ ids: [PageID]) throws -> [Int] {
      let chain = Chain(pageIDs: ids, atRoot: true)
      let request = GetRequest(namespaceID: id, chain: chain).encode()
      try raw.send(.request, flags: .last, method: .get, stream: stream, request)
      stream += 2
      var pagesOfRuns: [Int] = []
      var bytes: [UInt8] = []
      while true {
        let frame = try raw.frame()
        if frame.header.type == .response, !frame.message.isEmpty {
          pagesOfRuns.append(try PageRun(decoding: frame.message.rawSpan).checksum.count)
        }
        bytes += frame.payload
        if frame.header.flags.contains(.last) { break }
      }
      #expect(bytes == pages.flatMap { $0 })
      return pagesOfRuns
    }
    // The arena's memory is touched in the background; until it is, all batches are small.
    #expect(server.wait { (try? runs(chains[0])) == [8, 8, 4] })
    let cold = try runs(chains[1])
    // What is read ahead may be there when its turn comes, and then leaves as a hot batch does.
    #expect(cold.first == 2 && cold.count > 3 && cold.allSatisfy { $0 <= 8 }, "\(cold)")
    #expect(try runs(chains[1]) == [8, 8, 4], "now all is in memory")
  }

  @Test func pagesOfDifferentSizesInOnePut() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(40)
    let pages = (0..<40).map { Pages.bytes($0 * 997 + 1, $0) }
    for options in [PutOptions(), PutOptions(durable: true, ask: true)] {
      let statuses = try put(client, id, ids, pages, options)
      #expect(Set(statuses).count == 1)
    }
    #expect(try client.get(GetRequest(namespaceID: id, chain: Chain(pageIDs: ids))) == pages)
  }

  @Test func askSendsOnlyWhatIsNeeded() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(4)
    let pages = (0..<4).map { Pages.bytes(100_000, $0) }
    _ = try client.put(
      namespaceID: id, chain: Chain(pageIDs: ids), first: 1, pages: [pages[1], pages[2]])
    let before = server.server.metrics.bytesIn.current
    let statuses = try put(client, id, ids, pages, PutOptions(ask: true))
    #expect(statuses == [.stored, .alreadyPresent, .alreadyPresent, .stored])
    #expect(server.server.metrics.bytesIn.current - before < 201_000)
    #expect(try client.get(GetRequest(namespaceID: id, chain: Chain(pageIDs: ids))) == pages)
  }

  @Test func getsEndAtTheFirstGapUnlessSparse() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(4)
    let page = Pages.bytes(5000, 1)
    _ = try put(client, id, Array(ids[0..<2]), [page, page])
    _ = try client.put(namespaceID: id, chain: Chain(pageIDs: ids), first: 3, pages: [page])
    var request = GetRequest(namespaceID: id, chain: Chain(pageIDs: ids))
    #expect(try client.get(request) == [page, page])
    request.sparse = true
    #expect(try client.get(request) == [page, page, nil, page])
    #expect(
      try client.delete(
        PagesRequest(namespaceID: id, chain: Chain(pageIDs: ids), first: 1, count: 1)) == 1)
    request.sparse = false
    #expect(try client.get(request) == [page])
  }

  /// Regression: runs without bytes left without anyone asking the engine for the next batch.
  @Test func sparseGetsOfManyMissingPagesEnd() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(500)
    let page = Pages.bytes(100, 1)
    _ = try client.put(namespaceID: id, chain: Chain(pageIDs: ids), first: 450, pages: [page])
    let found = try client.get(
      GetRequest(namespaceID: id, chain: Chain(pageIDs: ids), sparse: true))
    #expect(found.count == 500)
    #expect(found.enumerated().allSatisfy { ($1 == page) == ($0 == 450) })
  }

  @Test func statusesOfSinglePages() throws {
    let server = try TestServer()
    let client = try server.client()
    var options = NamespaceOptions()
    options.pageBytesMax = 1000
    let id = try client.openNamespace("n", options: options).namespaceID
    let ids = Pages.ids(4)
    let pages = [1000, 1001, 10, 20].map { Pages.bytes($0, $0) }
    var sums = pages.map { XXH3.hash($0) }
    sums[2] ^= 1
    let statuses = try put(client, id, ids, pages, PutOptions(checksums: sums))
    #expect(statuses == [.stored, .tooLarge, .checksumMismatch, .stored])
    let other = Pages.bytes(999, 5)
    #expect(try put(client, id, [ids[0]], [other]) == [.sizeConflict])
    let request = GetRequest(namespaceID: id, chain: Chain(pageIDs: ids), sparse: true)
    #expect(try client.get(request) == [pages[0], nil, nil, pages[3]])
  }

  @Test func emptyRangesAreFine() throws {
    let server = try TestServer()
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    try raw.send(
      .request, flags: .last, method: .lookup, stream: 1, LookupRequest(namespaceID: id).encode())
    #expect(try LookupResponse(decoding: try raw.frame().message.rawSpan).hitPages == 0)
    try raw.send(
      .request, flags: .last, method: .get, stream: 3,
      GetRequest(namespaceID: id, chain: Chain(pageIDs: Pages.ids(2)), first: 2).encode())
    let empty = try raw.frame()
    #expect(empty.header.flags == .last)
    #expect(empty.message.isEmpty && empty.payload.isEmpty)
    try raw.send(.request, method: .put, stream: 5, PutHeader(namespaceID: id).encode())
    try raw.send(.data, flags: .last, method: .put, stream: 5)
    let result = try raw.frame()
    #expect(try PutResponse(decoding: result.message.rawSpan) == .result([]))
  }

  @Test func aPutMayEndEarlyOrBringTooMuch() throws {
    let server = try TestServer()
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    let pages = (0..<3).map { Pages.bytes(1000, $0) }
    func header(_ seed: UInt32) -> [UInt8] {
      PutHeader(
        namespaceID: id, chain: Chain(pageIDs: Pages.ids(3, seed: seed)), pageBytes: [1000],
        checksum: pages.map { XXH3.hash($0) }
      ).encode()
    }
    let whole = pages[0] + pages[1] + pages[2]
    for (stream, bytes, expected) in [
      (1, 1500, [PageStatus.stored, .lengthMismatch, .notAttempted]),
      (3, 1000, [.stored, .notAttempted, .notAttempted]),
      (5, 0, [.notAttempted, .notAttempted, .notAttempted]),
    ] {
      try raw.send(.request, method: .put, stream: UInt32(stream), header(UInt32(stream) * 100))
      try raw.send(
        .data, flags: .last, method: .put, stream: UInt32(stream),
        payload: Array(whole[0..<bytes]))
      #expect(
        try PutResponse(decoding: try raw.frame().message.rawSpan) == .result(expected))
    }
    try raw.send(.request, method: .put, stream: 7, header(7000))
    try raw.send(.data, method: .put, stream: 7, payload: whole + [1])
    let problem = try raw.frame().problem
    #expect(problem?.status == .invalidArgument)
    #expect(problem?.message.contains("more than the pages have") == true)
    // What was whole and verified stays.
    let client = try server.client()
    let chain = Chain(pageIDs: Pages.ids(3, seed: 7000))
    let isThere = server.wait {
      (try? client.lookup(LookupRequest(namespaceID: id, chain: chain)))?.hitPages == 3
    }
    #expect(isThere)
  }

  @Test func dataBeforeNeedIsRefused() throws {
    let server = try TestServer()
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    let page = Pages.bytes(1000, 1)
    let header = PutHeader(
      namespaceID: id, chain: Chain(pageIDs: Pages.ids(1)), pageBytes: [1000],
      checksum: [XXH3.hash(page)], ask: true)
    try raw.send(
      RawClient.frame(.request, method: .put, stream: 1, header.encode())
        + RawClient.frame(.data, flags: .last, method: .put, stream: 1, payload: page))
    let answer = try raw.frame()
    #expect(answer.problem?.status == .invalidArgument)
    #expect(answer.problem?.message.contains("DATA before need") == true)
    // Asked properly, need comes and then the result.
    try raw.send(.request, method: .put, stream: 3, header.encode())
    #expect(try PutResponse(decoding: try raw.frame().message.rawSpan) == .need([1]))
    try raw.send(.data, flags: .last, method: .put, stream: 3, payload: page)
    #expect(try PutResponse(decoding: try raw.frame().message.rawSpan) == .result([.stored]))
    try raw.send(.request, method: .put, stream: 5, header.encode())
    #expect(try PutResponse(decoding: try raw.frame().message.rawSpan) == .need([0]))
    let last = try raw.frame()
    #expect(last.header.flags == .last)
    #expect(try PutResponse(decoding: last.message.rawSpan) == .result([.alreadyPresent]))
  }

  /// Reads one get's frames; checks windows and sizes on the way.
  private func collect(
    _ raw: RawClient, _ stream: UInt32, credit: UInt64?, maxPayload: Int = 1 << 24
  ) throws -> (bytes: [UInt8], problem: Problem?) {
    var bytes: [UInt8] = []
    var left = credit
    while true {
      let frame = try raw.frame()
      #expect(frame.header.stream == stream)
      if let problem = frame.problem { return (bytes, problem) }
      #expect(frame.payload.count <= maxPayload)
      bytes += frame.payload
      if let window = left {
        #expect(UInt64(frame.payload.count) <= window, "the window was overrun")
        left = window - UInt64(frame.payload.count)
        if left == 0 {
          left = 3333
          try raw.send(.window, method: .get, stream: stream, Window(bytes: 3333).encode())
        }
      }
      if frame.header.flags.contains(.last) { return (bytes, nil) }
    }
  }

  @Test func windowsAndPayloadLimitsAreObeyed() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(10)
    let pages = (0..<10).map { Pages.bytes(10_000, $0) }
    _ = try put(client, id, ids, pages)
    let request = GetRequest(namespaceID: id, chain: Chain(pageIDs: ids)).encode()
    let windowed = try server.raw()
    try windowed.hello(windowBytes: 5000)
    try windowed.send(.request, flags: .last, method: .get, stream: 1, request)
    #expect(try collect(windowed, 1, credit: 5000).bytes == pages.flatMap { $0 })
    let narrow = try server.raw()
    try narrow.hello(maxPayload: 1024)
    try narrow.send(.request, flags: .last, method: .get, stream: 1, request)
    let found = try collect(narrow, 1, credit: nil, maxPayload: 1024)
    #expect(found.bytes == pages.flatMap { $0 })
  }

  @Test func streamsAnswerIndependently() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(4)
    let pages = (0..<4).map { Pages.bytes(20_000, $0) }
    _ = try put(client, id, ids, pages)
    let raw = try server.raw()
    try raw.hello(windowBytes: 1000)
    // A get that waits for its window holds nobody up.
    let request = GetRequest(namespaceID: id, chain: Chain(pageIDs: ids))
    try raw.send(.request, flags: .last, method: .get, stream: 1, request.encode())
    #expect(try raw.frame().payload.count == 1000)
    let ask = LookupRequest(namespaceID: id, chain: Chain(pageIDs: ids))
    try raw.send(.request, flags: .last, method: .lookup, stream: 3, ask.encode())
    let answer = try raw.frame()
    #expect(answer.header.stream == 3)
    #expect(try LookupResponse(decoding: answer.message.rawSpan).hitPages == 4)
    try raw.send(.cancel, flags: .last, method: .get, stream: 1)
    let cancelled = try raw.frame()
    #expect(cancelled.header.stream == 1)
    #expect(cancelled.problem?.status == .cancelled)
    // WINDOW and CANCEL for a stream that is over are dropped.
    try raw.send(.window, method: .get, stream: 1, Window(bytes: 10).encode())
    try raw.send(.cancel, flags: .last, method: .get, stream: 1)
    try raw.send(.ping)
    #expect(try raw.frame().header.type == .pong)
  }

  @Test func aCancelledPutKeepsItsWholePages() throws {
    let server = try TestServer()
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    let pages = (0..<2).map { Pages.bytes(1000, $0) }
    let chain = Chain(pageIDs: Pages.ids(2))
    let header = PutHeader(
      namespaceID: id, chain: chain, pageBytes: [1000], checksum: pages.map { XXH3.hash($0) })
    try raw.send(.request, method: .put, stream: 1, header.encode())
    try raw.send(.data, method: .put, stream: 1, payload: pages[0] + pages[1].prefix(10))
    try raw.send(.cancel, flags: .last, method: .put, stream: 1)
    #expect(try raw.frame().problem?.status == .cancelled)
    let client = try server.client()
    #expect(
      server.wait {
        (try? client.lookup(LookupRequest(namespaceID: id, chain: chain)))?.hitPages == 1
      })
  }

  @Test func aConnectionLostInAPutLeavesNoPart() throws {
    let server = try TestServer()
    let id = try server.namespace()
    let page = Pages.bytes(1000, 1)
    let chain = Chain(pageIDs: Pages.ids(1))
    do {
      let raw = try server.raw()
      try raw.hello()
      let header = PutHeader(
        namespaceID: id, chain: chain, pageBytes: [1000], checksum: [XXH3.hash(page)])
      try raw.send(.request, method: .put, stream: 1, header.encode())
      try raw.send(
        RawClient.frame(.data, method: .put, stream: 1, payload: page).dropLast(1).map { $0 })
    }
    let client = try server.client()
    #expect(server.wait { server.server.openConnections == 1 })
    #expect(try client.lookup(LookupRequest(namespaceID: id, chain: chain)).hitPages == 0)
    #expect(try put(client, id, chain.pageIDs, [page]) == [.stored])
  }

  @Test func aClientThatHasFinishedSendingStillGetsItsAnswers() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(3)
    let pages = (0..<3).map { Pages.bytes(300_000, $0) }
    _ = try put(client, id, ids, pages)
    let raw = try server.raw()
    try raw.hello()
    let request = GetRequest(namespaceID: id, chain: Chain(pageIDs: ids))
    try raw.send(.request, flags: .last, method: .get, stream: 1, request.encode())
    raw.finishSending()
    #expect(try collect(raw, 1, credit: nil).bytes == pages.flatMap { $0 })
    #expect(try raw.next() == nil)
  }
}

extension RawFrame: Equatable {
  static func == (left: RawFrame, right: RawFrame) -> Bool {
    left.header == right.header && left.message == right.message && left.payload == right.payload
  }
}
