// The one line about a slow request: when it comes, and what it says.

import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct SlowRequestTests {
  private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test func theLineTellsStagesNumberAndTrace() {
    let (clock, log, metrics) = (ManualClock(), RecordedLog(), ServerMetrics())
    let first = RequestContext(.lookup, metrics: metrics, clock: clock)
    #expect(metrics.requestsInFlight == 1)
    clock.advance(millis: 5)
    let answer = measured(.index, of: first) { () -> Int in
      clock.advance(millis: 7)
      return 3
    }
    #expect(answer == 3)
    first.conclude(nanos: first.end(), slowMillis: 12, logger: log.logger)
    let second = RequestContext(.get, traceparent: parent, metrics: metrics, clock: clock)
    second.add(150_000_000, to: .queue)
    second.add(1_260_000_000, to: .disk)
    second.add(40_000_000, to: .send)
    clock.advance(millis: 1450)
    second.conclude(nanos: second.end(), slowMillis: 12, logger: log.logger)
    #expect(
      log.lines == [
        "<4>test: slow request call=Lookup index_ms=7.0 request=1 total_ms=12.0",
        "<4>test: slow request call=Get disk_ms=1260.0 queue_ms=150.0 request=2 send_ms=40.0 "
          + "total_ms=1450.0 traceparent=\(parent)",
      ])
    #expect(metrics.slowRequests.current == 2)
    #expect(metrics.requests["Get"].current == 1)
    #expect(metrics.seconds["Get"].snapshot().maxNanos == 1_450_000_000)
    let stages = metrics.stages.members.map { "\($0.row) \($0.column)" }
    #expect(Set(stages) == ["Lookup index", "Get queue", "Get disk", "Get send"])
  }

  @Test func theLimitIsMet() {
    let log = RecordedLog()
    let context = RequestContext(.put, metrics: ServerMetrics(), clock: ManualClock())
    for (nanos, limit, lines): (UInt64, Int, Int) in [
      (99_999_999, 100, 0), (100_000_000, 100, 1), (100_000_001, 100, 2), (.max / 2, 0, 2),
    ] {
      context.conclude(nanos: nanos, slowMillis: limit, logger: log.logger)
      #expect(log.lines.count == lines, "\(nanos) ns, \(limit) ms")
    }
  }

  @Test func aRequestIsInFlightWhileSomeoneHoldsIt() {
    let metrics = ServerMetrics()
    do {
      let context = RequestContext(.put, metrics: metrics, clock: ManualClock())
      #expect(metrics.requestsInFlight == 1)
      withExtendedLifetime(context) {}
    }
    #expect(metrics.requestsInFlight == 0)
  }

  @Test(arguments: [
    "", "00", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
    "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e47\n6-00f067aa0ba902b7-01",
  ])
  func whatIsNoTraceParentIsNotLogged(_ text: String) {
    #expect(!TraceParent.isValid(text))
    let context = RequestContext(
      .get, traceparent: text, metrics: ServerMetrics(), clock: ManualClock())
    #expect(context.traceparent.isEmpty)
    #expect(TraceParent.isValid(parent))
  }

  /// A put whose client takes its time, over a real connection.
  private func dawdle(_ server: TestServer) throws {
    let id = try server.namespace()
    let raw = try server.raw()
    try raw.hello()
    try raw.beginPut(namespaceID: id)
    let clock = SystemClock()
    let end = clock.monotonicNanos() + 60_000_000
    #expect(server.wait { clock.monotonicNanos() > end })
    raw.finishSending()
    #expect(try raw.frame().header.type == .response)
  }

  /// The line about a slow `call`, once there is one, and its numbers.
  private func told(
    of call: String, _ log: RecordedLog, _ server: TestServer
  ) throws -> (line: String, fields: [String: Double]) {
    func line() -> String? { log.lines.first { $0.contains("slow request call=\(call)") } }
    #expect(server.wait { line() != nil })
    let line = try #require(line())
    let fields = line.split(separator: " ").compactMap { field -> (String, Double)? in
      let pair = field.split(separator: "=")
      return pair.count == 2 ? Double(pair[1]).map { (String(pair[0]), $0) } : nil
    }
    return (line, Dictionary(fields, uniquingKeysWith: { $1 }))
  }

  @Test func aSlowClientOfAPutIsTold() throws {
    let log = RecordedLog()
    let server = try TestServer(log: log) { $0.slowRequestMillis = 50 }
    try dawdle(server)
    let (line, fields) = try told(of: "Put", log, server)
    #expect((fields["receive_ms"] ?? 0) >= 50, "\(line)")
    #expect((fields["total_ms"] ?? 0) >= fields["receive_ms"] ?? 0, "\(line)")
    #expect((fields["request"] ?? 0) >= 1)
    #expect(!line.contains("traceparent"))
  }

  /// A client that asks over gRPC and reads late: the time is the socket's, and its trace is told.
  @Test func aSlowReaderOverGrpcIsTold() throws {
    let log = RecordedLog()
    let server = try TestServer(log: log) { $0.slowRequestMillis = 50 }
    let id = try server.namespace()
    let chain = Chain(pageIDs: Pages.ids(24))
    let stored = try server.client().put(
      namespaceID: id, chain: chain, pages: (0..<24).map { Pages.bytes(1 << 20, $0) })
    #expect(stored.allSatisfy { $0 == .stored })
    let client = try RawGrpcClient(port: server.port)
    let request = GetRequest(namespaceID: id, chain: chain).encode()
    try client.send(
      Http2Bytes.request(1, "/varve.v1.Cache/Get", [("traceparent", parent)])
        + Http2Bytes.data(1, Http2Bytes.message(request), isEnd: true))
    // What the kernel takes is less than the answer: then nothing more is sent until it is read.
    let clock = SystemClock()
    let sent = server.server.metrics.bytesOut
    var before = (bytes: sent.current, nanos: clock.monotonicNanos())
    #expect(
      server.wait {
        let now = clock.monotonicNanos()
        if sent.current != before.bytes { before = (sent.current, now) }
        return now - before.nanos > 100_000_000
      })
    #expect(try client.answer(1).status == .ok)
    let (line, fields) = try told(of: "Get", log, server)
    #expect((fields["send_ms"] ?? 0) >= 50, "\(line)")
    #expect((fields["total_ms"] ?? 0) >= 50, "\(line)")
    #expect(line.contains("traceparent=\(parent)"))
    let stages = server.server.metrics.stages.members.map { "\($0.row) \($0.column)" }
    #expect(stages.contains("Get send"))
  }

  @Test func zeroLogsNone() throws {
    let log = RecordedLog()
    let server = try TestServer(log: log) { $0.slowRequestMillis = 0 }
    try dawdle(server)
    server.stop()
    #expect(!log.lines.contains { $0.contains("slow request") })
  }
}
