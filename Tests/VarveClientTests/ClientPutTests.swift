// Put: what goes over the wire for pages, windows, limits and early answers.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveWire

@Suite struct ClientPutTests {
  static let ids = PageID.chain(tokens: (0..<6).map { UInt32($0) }, pageTokens: 1)
  static let pages: [[UInt8]] = [10, 1, 300].map { count in
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ count) }
  }

  /// Reads DATA frames up to the last; gives the bytes and the sizes.
  static func data(_ end: ServerEnd) throws -> (bytes: [UInt8], sizes: [Int]) {
    var bytes: [UInt8] = []
    var sizes: [Int] = []
    while true {
      let frame = try end.next()
      #expect(frame.header.type == .data && frame.message.isEmpty)
      bytes += frame.payload
      sizes.append(frame.payload.count)
      if frame.header.flags == .last { return (bytes, sizes) }
    }
  }

  @Test func pagesGoOutJoinedBehindTheirHeader() throws {
    let server = try ScriptedServer { end in
      try end.hello()
      let frame = try end.next()
      #expect(frame.header.flags == [] && frame.header.method == 3)
      let header = try PutHeader(decoding: frame.message.rawSpan)
      #expect(header.first == 2 && header.count == 3 && header.durable && header.ttlSeconds == 9)
      #expect(header.pageBytes == [10, 1, 300])
      #expect(header.checksum == Self.pages.map { XXH3.hash($0) })
      let (bytes, sizes) = try Self.data(end)
      #expect(bytes == Self.pages.flatMap { $0 } && sizes == [311])
      try end.send(
        .response, 1, .last, PutResponse.result([.stored, .tooLarge, .alreadyPresent]))
    }
    let client = try Client(server.endpoint)
    let status = try client.put(
      namespaceID: 7, chain: Chain(pageIDs: Self.ids), first: 2, pages: Self.pages,
      options: PutOptions(durable: true, ttlSeconds: 9))
    #expect(status == [.stored, .tooLarge, .alreadyPresent])
    #expect(server.finish() == "done")
  }

  @Test func framesStayWithinTheServersPayload() throws {
    let server = try ScriptedServer { end in
      try end.hello(HelloOk(version: 1, maxPayload: 100))
      _ = try end.next()
      let (bytes, sizes) = try Self.data(end)
      #expect(bytes == Self.pages.flatMap { $0 } && sizes == [100, 100, 100, 11])
      try end.send(.response, 1, .last, PutResponse.result([.stored, .stored, .stored]))
    }
    let client = try Client(server.endpoint)
    _ = try client.put(namespaceID: 7, chain: Chain(pageIDs: Self.ids), pages: Self.pages)
    #expect(server.finish() == "done")
  }

  @Test func theWindowIsWaitedFor() throws {
    let server = try ScriptedServer { end in
      try end.hello(HelloOk(version: 1, windowBytes: 50))
      _ = try end.next()
      var got = try end.next().payload.count
      #expect(got == 50)
      // A PING first: the client must answer it although it waits for a WINDOW.
      try end.send(.ping, payload: [1])
      #expect(try end.next().header.type == .pong)
      for grant in [1, 60, 200] as [UInt64] {
        try end.send(.window, 1, [], Window(bytes: grant))
        let frame = try end.next()
        #expect(frame.payload.count == Int(grant))
        got += frame.payload.count
      }
      #expect(got == 311)
      try end.send(.response, 1, .last, PutResponse.result([.stored, .stored, .stored]))
    }
    let client = try Client(server.endpoint)
    _ = try client.put(namespaceID: 7, chain: Chain(pageIDs: Self.ids), pages: Self.pages)
    #expect(server.finish() == "done")
  }

  @Test func askedPutsSendWhatIsNeeded() throws {
    let server = try ScriptedServer { end in
      try end.hello()
      let frame = try end.next()
      #expect(try PutHeader(decoding: frame.message.rawSpan).ask)
      try end.send(.response, 1, [], PutResponse.need([0b101]))
      #expect(try Self.data(end).bytes == Self.pages[0] + Self.pages[2])
      try end.send(
        .response, 1, .last, PutResponse.result([.stored, .alreadyPresent, .stored]))
      _ = try end.next()
      try end.send(.response, 3, [], PutResponse.need([0]))
      try end.send(
        .response, 3, .last, PutResponse.result([PageStatus](repeating: .alreadyPresent, count: 3)))
      // Nothing but the next call may come after a need of nothing.
      let ping = try end.next()
      #expect(ping.header.type == .ping)
      try end.send(.pong, payload: ping.payload)
    }
    let client = try Client(server.endpoint)
    for expected in [
      [.stored, .alreadyPresent, .stored], [.alreadyPresent, .alreadyPresent, .alreadyPresent],
    ]
      as [[PageStatus]]
    {
      let status = try client.put(
        namespaceID: 7, chain: Chain(pageIDs: Self.ids), pages: Self.pages,
        options: PutOptions(ask: true))
      #expect(status == expected)
    }
    try client.ping()
    #expect(server.finish() == "done")
  }

  @Test func anEarlyErrorStopsTheSending() throws {
    let problem = Problem(.unavailable, "the store is read-only: a disk failed")
    let server = try ScriptedServer { end in
      try end.hello(HelloOk(version: 1, windowBytes: 50))
      _ = try end.next()
      _ = try end.next()
      try end.refuse(1, problem)
      let ping = try end.next()
      #expect(ping.header.type == .ping, "no DATA after the answer")
      try end.send(.pong, payload: ping.payload)
    }
    let client = try Client(server.endpoint)
    let error = ClientCallTests.failure { () throws(ClientError) in
      _ = try client.put(namespaceID: 7, chain: Chain(pageIDs: Self.ids), pages: Self.pages)
    }
    #expect(error == .problem(problem))
    try client.ping()
    #expect(server.finish() == "done")
  }

  @Test func answersThatDoNotFitEndTheConnection() throws {
    let answers: [(FrameFlags, PutResponse)] = [
      (.last, .result([.stored])), (.last, .none), ([], .need([1])), ([], .result([.stored])),
      (.last, .need([7])),
    ]
    for (flags, answer) in answers {
      let server = try ScriptedServer { end in
        try end.hello()
        _ = try end.next()
        _ = try Self.data(end)
        try end.send(.response, 1, flags, answer)
      }
      let client = try Client(server.endpoint)
      let error = ClientCallTests.failure { () throws(ClientError) in
        _ = try client.put(namespaceID: 7, chain: Chain(pageIDs: Self.ids), pages: Self.pages)
      }
      guard case .protocolViolation? = error else {
        Issue.record("\(answer): \(String(describing: error))")
        continue
      }
      #expect(client.isOpen == false)
      #expect(server.finish() == "done")
    }
  }

  /// More than any socket buffer holds, both ways: writes and reads come in parts.
  @Test func largePagesGoOutAndComeBack() throws {
    let pages: [[UInt8]] = (0..<5).map { page in
      [UInt8](repeating: UInt8(page), count: (3 << 20) + page)
    }
    let server = try ScriptedServer { end in
      try end.hello()
      _ = try end.next()
      let (bytes, sizes) = try Self.data(end)
      #expect(bytes.count == 5 * (3 << 20) + 10)
      #expect(sizes.dropLast().allSatisfy { $0 == 4 << 20 }, "frames of 4 MiB but for the last")
      try end.send(
        .response, 1, .last, PutResponse.result([PageStatus](repeating: .stored, count: 5)))
      _ = try end.next()
      let run = PageRun(
        pageBytes: pages.map { UInt32($0.count) }, checksum: pages.map { XXH3.hash($0) })
      try end.send(.response, 3, [], run, payload: Array(bytes[..<(5 << 20)]))
      try end.send(.data, 3, .last, payload: Array(bytes[(5 << 20)...]))
    }
    let client = try Client(server.endpoint)
    let chain = Chain(pageIDs: Self.ids)
    let status = try client.put(namespaceID: 7, chain: chain, pages: pages)
    #expect(status == [PageStatus](repeating: .stored, count: 5))
    #expect(try client.get(GetRequest(namespaceID: 7, chain: chain)) == pages)
    #expect(server.finish() == "done")
  }

  @Test func noPagesAreNoCall() throws {
    let server = try ScriptedServer { try $0.hello() }
    let client = try Client(server.endpoint)
    let none: [[UInt8]] = []
    #expect(try client.put(namespaceID: 7, chain: Chain(pageIDs: Self.ids), pages: none) == [])
    #expect(server.finish() == "done")
  }
}
