// Stopping: new calls are refused, calls begun are finished, the deadline cuts what does not end.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct DrainTests {
  /// Stops the server on another thread; `wait` returns whether it ended in time.
  private final class Stopping: Sendable {
    private let isOver = Monitor(false)

    init(_ server: Server) {
      let isStarted = VarveServer.Thread.start("stop") { [isOver] in
        server.stop()
        isOver.update { $0 = true }
      }
      precondition(isStarted, "no thread")
    }

    func wait() -> Bool {
      let deadline = SystemClock().monotonicNanos() + 15_000_000_000
      return isOver.wait(until: deadline) { $0 ? true : nil } ?? false
    }
  }

  @Test func callsBegunAreFinishedAndLaterOnesRefused() throws {
    let server = try TestServer()
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    let idle = try server.raw()
    try idle.hello()
    let page = Pages.bytes(1000, 1)
    let header = PutHeader(
      namespaceID: id, chain: Chain(pageIDs: Pages.ids(1)), pageBytes: [1000],
      checksum: [XXH3.hash(page)])
    try raw.send(.request, method: .put, stream: 1, header.encode())
    try raw.send(.data, method: .put, stream: 1, payload: Array(page.prefix(500)))
    try raw.send(.ping)
    #expect(try raw.frame().header.type == .pong)
    let stopping = Stopping(server.server)
    let goAway = try raw.frame()
    #expect(goAway.header.type == .goAway)
    #expect(goAway.problem?.status == .unavailable)
    try raw.send(.request, flags: .last, method: .stats, stream: 3)
    let refused = try raw.frame()
    #expect(refused.header.stream == 3)
    #expect(refused.problem?.status == .unavailable)
    try raw.send(.data, flags: .last, method: .put, stream: 1, payload: Array(page.dropFirst(500)))
    let result = try raw.frame()
    #expect(try PutResponse(decoding: result.message.rawSpan) == .result([.stored]))
    #expect(try raw.next() == nil)
    #expect(try idle.frame().header.type == .goAway)
    #expect(try idle.next() == nil)
    #expect(stopping.wait())
    #expect(server.server.phase.current == .stopped)
    #expect(throws: (any Error).self) { try server.raw() }
  }

  @Test func theDeadlineCutsWhatDoesNotEnd() throws {
    let server = try TestServer { $0.drainSeconds = 0 }
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    let header = PutHeader(
      namespaceID: id, chain: Chain(pageIDs: Pages.ids(1)), pageBytes: [1000], checksum: [1])
    try raw.send(.request, method: .put, stream: 1, header.encode())
    try raw.send(.ping)
    #expect(try raw.frame().header.type == .pong)
    let stopping = Stopping(server.server)
    while let frame = try raw.next() { #expect(frame.header.type == .goAway) }
    #expect(stopping.wait())
  }

  @Test func aClientThatDoesNotReadEndsItsConnectionAlone() throws {
    let server = try TestServer { $0.stallSeconds = 1 }
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(20)
    let pages = (0..<20).map { Pages.bytes(1 << 20, $0) }
    _ = try client.put(namespaceID: id, chain: Chain(pageIDs: ids), pages: pages)
    let deaf = try server.raw()
    try deaf.hello()
    let request = GetRequest(namespaceID: id, chain: Chain(pageIDs: ids)).encode()
    for stream in 0..<8 {
      try deaf.send(.request, flags: .last, method: .get, stream: UInt32(stream * 2 + 1), request)
    }
    #expect(server.wait { server.server.openConnections == 1 })
    #expect(server.server.metrics.connectionsStalled.current == 1)
    #expect(try client.get(GetRequest(namespaceID: id, chain: Chain(pageIDs: ids))) == pages)
  }
}
