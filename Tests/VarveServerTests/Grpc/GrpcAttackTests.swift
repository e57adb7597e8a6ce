// Clients that mean harm, each beside a good one: the harm ends, the good one's calls succeed,
// memory stays within its bound.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveEngine
import VarveServer
import VarveWire

@Suite(.serialized) struct GrpcAttackTests {
  /// Sends until the server ends the connection.
  private static let floods: [(String, @Sendable (Int32) -> [UInt8])] = [
    (
      "rapid reset",
      { Http2Bytes.request($0, "/varve.v1.Cache/Lookup") + Http2Bytes.reset($0) }
    ),
    (
      "MadeYouReset",
      {
        Http2Bytes.request($0, "/varve.v1.Admin/Stats", isEnd: true)
          + Http2Bytes.windowUpdate($0, 0x7fff_ffff)
      }
    ),
    ("PING", { _ in Http2Bytes.ping() }),
    ("SETTINGS", { _ in Http2Bytes.settings([(4, 70_000)]) }),
    (
      "CONTINUATION",
      {
        Http2Bytes.frame(Http2Frame.headers, stream: $0)
          + [UInt8](
            (0..<20).flatMap { _ in Http2Bytes.frame(Http2Frame.continuation, stream: 1) })
      }
    ),
    ("empty DATA", { Http2Bytes.request($0, "/varve.v1.Cache/Put") + Http2Bytes.data($0, []) }),
  ]

  @Test(arguments: 0..<6)
  func aFloodEndsAndTheGoodClientGoesOn(_ index: Int) throws {
    let (name, make) = Self.floods[index]
    let server = try TestServer()
    let namespace = try server.namespace()
    let good = try RawGrpcClient(port: server.port)
    let framed = try server.client()
    let bad = try RawGrpcClient(port: server.port)
    var stream: Int32 = 1
    var goodStream: Int32 = 1
    var rounds = 0
    let deadline = SystemClock().monotonicNanos() + 20_000_000_000
    var isOver = false
    while !isOver, SystemClock().monotonicNanos() < deadline {
      rounds += 1
      var bytes: [UInt8] = []
      for _ in 0..<50 {
        bytes += make(stream)
        stream += 2
      }
      isOver = !bad.sendWhileTaken(bytes)
      guard rounds % 5 == 0 else { continue }
      let answer = try good.call(
        goodStream, "/varve.v1.Cache/Lookup", LookupRequest(namespaceID: namespace))
      goodStream += 2
      #expect(answer.status == .ok, "\(name)")
      try framed.ping()
    }
    #expect(isOver, "\(name) went on for ever")
    #expect(server.wait { server.server.openConnections <= 3 })
    let ledger = server.server.ledger
    #expect(ledger.totalBytesMax <= ledger.limitBytes)
    let answer = try good.call(
      goodStream, "/varve.v1.Cache/Lookup", LookupRequest(namespaceID: namespace))
    #expect(answer.status == .ok)
  }

  /// Asks for much and takes nothing, by its window: ended after the stall time, with no more
  /// than a bounded number of pages ever made ready.
  @Test func aClientThatOpensNoWindow() throws {
    let server = try TestServer { $0.stallSeconds = 1 }
    let namespace = try server.namespace()
    let ids = Pages.ids(24)
    let pages = (0..<24).map { Pages.bytes(1 << 20, $0) }
    let framed = try server.client()
    let stored = try framed.put(
      namespaceID: namespace, chain: Chain(pageIDs: ids), pages: pages)
    #expect(stored.allSatisfy { $0 == .stored })
    let bad = try RawGrpcClient(port: server.port, window: 0)
    let request = GetRequest(namespaceID: namespace, chain: Chain(pageIDs: ids)).encode()
    for index in 0..<20 {
      try bad.send(Http2Bytes.call(Int32(2 * index + 1), "/varve.v1.Cache/Get", request))
    }
    let read = bytesRead(server)
    bad.untilClosed()
    #expect(bad.goAway == Http2Code.enhanceYourCalm)
    let after = bytesRead(server)
    let most = Limits.outgoingBytesMax + 20 * Limits.getBatchBytes
    #expect(Int(after - read) <= most)
    #expect(server.server.metrics.connectionsStalled.current >= 1)
    try framed.ping()
  }

  private func bytesRead(_ server: TestServer) -> UInt64 {
    let counters = server.server.calls?.engine.allCounters ?? []
    return counters.first { $0.name == "page_bytes_read_total" }?.current ?? 0
  }

  /// Promises a page and sends a byte at a time.
  @Test func aClientThatSendsNothing() throws {
    let server = try TestServer { $0.stallSeconds = 1 }
    let namespace = try server.namespace()
    let bad = try RawGrpcClient(port: server.port)
    let header = PutHeader(
      namespaceID: namespace, chain: Chain(pageIDs: Pages.ids(1)), pageBytes: [100_000],
      checksum: [1])
    try bad.send(
      Http2Bytes.request(1, "/varve.v1.Cache/Put")
        + Http2Bytes.data(1, Http2Bytes.message(GrpcCodecTests.field(1, header.encode()))))
    // The first window has the header in it; the next has nothing.
    let answer = try bad.answer(1)
    #expect(answer.status == .deadlineExceeded)
    #expect(answer.text.contains("128") || answer.text.contains("min"))
    // Only that stream: the connection is as good as before.
    let after = try bad.call(3, "/varve.v1.Cache/Lookup", LookupRequest(namespaceID: namespace))
    #expect(after.status == .ok)
  }

  /// Streams reset while their calls wait for the disk: those calls count, so no more are begun.
  @Test func resetStreamsStillCountAsWork() throws {
    let server = try TestServer { $0.streamsMax = 16 }
    let client = try RawGrpcClient(port: server.port)
    var statuses: [StatusCode] = []
    for round in 0..<40 {
      let stream = Int32(2 * round + 1)
      try client.send(Http2Bytes.call(stream, "/varve.v1.Admin/Flush", []))
      if round % 4 != 3 { try client.send(Http2Bytes.reset(stream)) }
    }
    for round in stride(from: 3, to: 40, by: 4) {
      if let status = try client.answer(Int32(2 * round + 1)).status { statuses.append(status) }
    }
    #expect(statuses.allSatisfy { $0 == .ok || $0 == .resourceExhausted })
    #expect(statuses.count == 10)
  }
}
