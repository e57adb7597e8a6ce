// The gRPC door of a whole server, with a client that can do what grpcio cannot. What a stock
// client does is tested with grpcio, in python/tests_grpc.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct GrpcServerTests {
  private let lookup = "/varve.v1.Cache/Lookup"
  private let put = "/varve.v1.Cache/Put"
  private let check = "/grpc.health.v1.Health/Check"
  private let watch = "/grpc.health.v1.Health/Watch"

  @Test func bothProtocolsShareThePort() throws {
    let server = try TestServer()
    let namespace = try server.namespace()
    let client = try RawGrpcClient(port: server.port)
    let answer = try client.call(1, lookup, LookupRequest(namespaceID: namespace))
    #expect(answer.status == .ok)
    #expect(answer.messages == [[]])
    try server.client().ping()
  }

  @Test func healthChangesWithTheStore() throws {
    let server = try TestServer(opens: false)
    let client = try RawGrpcClient(port: server.port)
    try client.send(Http2Bytes.call(1, check, []))
    #expect(try client.answer(1).messages == [[8, 2]])
    #expect(try client.call(3, lookup, LookupRequest()).status == .unavailable)
    try client.send(Http2Bytes.call(5, watch, []))
    #expect(try client.message(5) == [8, 2])
    try server.server.open()
    #expect(try client.message(5) == [8, 1])
    try client.send(Http2Bytes.call(7, check, [0x0a, 1, UInt8(ascii: "x")]))
    #expect(try client.answer(7).status == .notFound)
    try client.send(Http2Bytes.call(9, watch, [0x0a, 1, UInt8(ascii: "x")]))
    #expect(try client.message(9) == [8, 3])
    let stopping = DispatchQueue.global()
    let stopped = DispatchSemaphore(value: 0)
    let running = server.server
    stopping.async {
      running.stop()
      stopped.signal()
    }
    #expect(try client.message(5) == [8, 2])
    #expect(try client.answer(5).status == .unavailable)
    client.untilClosed()
    #expect(client.goAway == Http2Code.noError)
    #expect(stopped.wait(timeout: .now() + 10) == .success)
  }

  @Test func aDeadlineIsTheServersToo() throws {
    let server = try TestServer()
    let namespace = try server.namespace()
    let client = try RawGrpcClient(port: server.port)
    let header = PutHeader(
      namespaceID: namespace, chain: Chain(pageIDs: Pages.ids(1)), pageBytes: [1000], checksum: [1])
    let message = GrpcCodecTests.field(1, header.encode())
    try client.send(
      Http2Bytes.request(1, put, [("grpc-timeout", "50m")])
        + Http2Bytes.data(1, Http2Bytes.message(message)))
    #expect(try client.answer(1).status == .deadlineExceeded)
    // The connection and the pages of the put are free again.
    #expect(try client.call(3, lookup, LookupRequest(namespaceID: namespace)).status == .ok)
    let outcome = try server.client().put(
      namespaceID: namespace, chain: Chain(pageIDs: Pages.ids(1)), pages: [Pages.bytes(1000, 1)])
    #expect(outcome == [.stored])
  }

  @Test(arguments: [
    ("a GET", [(":method", "GET")], "405"), ("no gRPC", [("content-type", "text/plain")], "415"),
  ])
  func whatIsNotGrpcIsAnsweredAsHttp(
    _ name: String, _ change: [(String, String)], _ status: String
  ) throws {
    let server = try TestServer()
    let client = try RawGrpcClient(port: server.port)
    let fields = Http2Bytes.fields(lookup).map { field in
      change.first { $0.0 == field.0 } ?? field
    }
    try client.send(
      Http2Bytes.frame(Http2Frame.headers, flags: 5, stream: 1, Http2Bytes.block(fields)))
    #expect(try client.answer(1).head[":status"] == status, "\(name)")
  }

  @Test func oneMessageIsTakenNotNoneNotTwo() throws {
    let server = try TestServer()
    let client = try RawGrpcClient(port: server.port)
    try client.send(Http2Bytes.request(1, lookup, isEnd: true))
    #expect(try client.answer(1).status == .invalidArgument)
    let two = Http2Bytes.message([]) + Http2Bytes.message([])
    try client.send(Http2Bytes.request(3, lookup) + Http2Bytes.data(3, two, isEnd: true))
    #expect(try client.answer(3).status == .invalidArgument)
    try client.send(
      Http2Bytes.request(5, lookup) + Http2Bytes.data(5, [0, 0, 0, 0, 9, 1], isEnd: true))
    #expect(try client.answer(5).status == .invalidArgument)
    try client.send(Http2Bytes.request(7, "/varve.v1.Cache/Nothing", isEnd: true))
    #expect(try client.answer(7).status == .unimplemented)
    try client.send(Http2Bytes.request(9, lookup, [("grpc-encoding", "gzip")], isEnd: true))
    #expect(try client.answer(9).status == .unimplemented)
  }

  @Test func collectedRequestsAreBounded() throws {
    let server = try TestServer()
    let client = try RawGrpcClient(port: server.port)
    let long = [0] + Http2Bytes.number(UInt32(Limits.grpcMessageBytesMax)) + [1]
    for stream in [1, 3] as [Int32] {
      try client.send(Http2Bytes.request(stream, lookup) + Http2Bytes.data(stream, long))
    }
    // Two of the longest are the limit of a connection; what they promise is what counts.
    try client.send(Http2Bytes.request(5, lookup) + Http2Bytes.data(5, [0, 0, 2, 0, 0, 1]))
    #expect(try client.answer(5).status == .resourceExhausted)
    #expect(server.server.ledger.bytes(of: .request) == 2 * Limits.grpcMessageBytesMax)
    try client.send(Http2Bytes.reset(1) + Http2Bytes.reset(3))
    #expect(server.wait { server.server.ledger.bytes(of: .request) == 0 })
  }

  @Test func whoSaysNothingAfterThePrefaceIsLetGo() throws {
    let server = try TestServer { $0.handshakeSeconds = 1 }
    for opening in [Array("PRI ".utf8), Http2Bytes.preface] {
      let client = try RawGrpcClient(port: server.port, opening: [])
      try client.send(opening)
      client.untilClosed()
      #expect(client.goAway == Http2Code.protocolError)
    }
    #expect(server.wait { server.server.openConnections == 0 })
  }

  @Test func anIdleConnectionIsToldToGo() throws {
    let server = try TestServer {
      $0.idleSeconds = 1
      $0.stallSeconds = 1
    }
    let client = try RawGrpcClient(port: server.port)
    client.untilClosed()
    #expect(client.goAway == Http2Code.noError)
  }

  @Test func tooManyConnectionsAreRefused() throws {
    let server = try TestServer { $0.connectionsMax = 1 }
    let first = try RawGrpcClient(port: server.port)
    let second = try RawGrpcClient(port: server.port, opening: [])
    try second.send(Http2Bytes.opening)
    second.untilClosed()
    #expect(second.goAway == Http2Code.enhanceYourCalm)
    #expect(try first.call(1, lookup, LookupRequest()).status == .notFound)
  }
}
