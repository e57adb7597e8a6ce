// Drain as a call: nothing new is taken, what was begun ends, the process stays.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct DrainCallTests {
  private func ready(_ server: TestServer) throws -> String {
    guard case .tcp(_, let port)? = server.server.httpAddress else { return "" }
    return try HttpClient(port: port).exchange("GET /readyz HTTP/1.1\r\nHost: varve\r\n\r\n")
  }

  @Test func anIdleDaemonDrainsAtOnceAndStaysUnready() throws {
    let server = try TestServer()
    #expect(try ready(server).contains("200"))
    let idle = try server.raw()
    try idle.hello()
    let client = try server.client()
    #expect(try client.drain(timeoutSeconds: 60) == DrainResponse(drained: true, inFlight: 0))
    #expect(!client.isOpen)
    #expect(try idle.frame().header.type == .goAway)
    #expect(try idle.next() == nil)
    #expect(try ready(server).contains("503"))
    #expect(server.server.phase.current == .draining)
    // The port still answers, to say why it does not serve.
    let error = #expect(throws: ClientError.self) { try server.client() }
    #expect(error?.status == .unavailable)
    #expect("\(String(describing: error))".contains("draining"))
    server.stop()
    #expect(server.server.phase.current == .stopped)
  }

  @Test func callsBegunAreWaitedForAndCounted() throws {
    let server = try TestServer()
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    let page = Pages.bytes(1000, 1)
    let header = PutHeader(
      namespaceID: id, chain: Chain(pageIDs: Pages.ids(1)), pageBytes: [1000],
      checksum: [XXH3.hash(page)])
    try raw.send(.request, method: .put, stream: 1, header.encode())
    try raw.send(.ping)
    #expect(try raw.frame().header.type == .pong)
    let patient = try server.raw()
    try patient.hello()
    try patient.send(
      .request, flags: .last, method: .drain, stream: 1, DrainRequest(timeoutSeconds: 60).encode())
    #expect(try raw.frame().header.type == .goAway)
    try raw.send(.request, flags: .last, method: .stats, stream: 3)
    #expect(try raw.frame().problem?.status == .unavailable)
    try raw.send(.data, flags: .last, method: .put, stream: 1, payload: page)
    let result = try raw.frame()
    #expect(try PutResponse(decoding: result.message.rawSpan) == .result([.stored]))
    #expect(try patient.frame().header.type == .goAway)
    let answer = try DrainResponse(decoding: try patient.frame().message.rawSpan)
    #expect(answer == DrainResponse(drained: true, inFlight: 0))
  }

  @Test func whatDoesNotEndIsToldAtTheTimeout() throws {
    let server = try TestServer { $0.drainSeconds = 1 }
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    try raw.beginPut(namespaceID: id)
    try raw.send(.ping)
    #expect(try raw.frame().header.type == .pong)
    // 0: the configuration's second.
    #expect(try server.client().drain() == DrainResponse(drained: false, inFlight: 1))
  }

  @Test func aTimeoutHasALimit() throws {
    let server = try TestServer()
    let client = try server.client()
    let error = #expect(throws: ClientError.self) {
      try client.drain(timeoutSeconds: Limits.drainSecondsMax + 1)
    }
    guard case .problem(let problem)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(problem.status == .invalidArgument)
    #expect(problem.value == 86_401 && problem.limitValue == 86_400)
    #expect(server.server.phase.current == .ready)
    #expect(try client.stats().ready)
    #expect(try client.drain(timeoutSeconds: Limits.drainSecondsMax).drained)
  }

  @Test func aDrainEndsLongWork() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(40)
    let pages = ids.indices.map { Pages.bytes(100_000, $0) }
    _ = try client.put(namespaceID: id, chain: Chain(pageIDs: ids), pages: pages)
    let raw = try server.raw()
    try raw.hello()
    let slow = ScrubRequest(maxBytesPerSecond: Limits.scrubBytesPerSecondMin).encode()
    try raw.send(.request, flags: .last, method: .scrub, stream: 1, slow)
    _ = try raw.frame()
    #expect(try client.drain(timeoutSeconds: 60).drained)
    while let frame = try raw.next() {
      guard frame.header.type == .response, frame.header.flags.contains(.last) else { continue }
      #expect(frame.problem?.status == .unavailable)
      #expect(frame.problem?.message.contains("draining") == true)
    }
  }
}
