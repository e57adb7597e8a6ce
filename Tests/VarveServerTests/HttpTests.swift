// The HTTP port: its parser at every limit, its pages, its metrics text.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer

@Suite struct HttpRequestTests {
  private func parse(_ text: String) -> HttpRequest.Outcome { HttpRequest.parse(Array(text.utf8)) }

  @Test(
    arguments: [
      ("GET / HTTP/1.1\r\n\r\n", .request(HttpRequest(method: .get, path: "/"))),
      (
        "HEAD /metrics?x=1 HTTP/1.0\r\nHost: a\r\n\r\n",
        .request(
          HttpRequest(method: .head, path: "/metrics"))
      ),
      ("GET / HTTP/1.1\n\n", .request(HttpRequest(method: .get, path: "/"))),
      ("GET / HTTP/1.1\r\nHost: a\r\n", .incomplete), ("GET /", .incomplete), ("", .incomplete),
      ("POST / HTTP/1.1\r\n\r\n", .refused(.methodNotAllowed)),
      ("GET / HTTP/2.0\r\n\r\n", .refused(.versionNotSupported)),
      ("GET  / HTTP/1.1\r\n\r\n", .refused(.badRequest)),
      ("GET nothing HTTP/1.1\r\n\r\n", .refused(.badRequest)),
      ("GET / FTP/1\r\n\r\n", .refused(.badRequest)), ("\u{1}\u{2}\u{3}", .refused(.badRequest)),
      ("\r\n\r\n", .refused(.badRequest)),
    ] as [(String, HttpRequest.Outcome)])
  func requests(_ text: String, _ outcome: HttpRequest.Outcome) { #expect(parse(text) == outcome) }

  @Test func theRequestLineHasALimit() {
    let most = Limits.httpRequestLineBytesMax
    func line(_ bytes: Int) -> String {
      let path = String(repeating: "a", count: bytes - "GET / HTTP/1.1\r".utf8.count)
      return "GET /\(path) HTTP/1.1\r\n\r\n"
    }
    guard case .request = parse(line(most)) else {
      Issue.record("a line of \(most) bytes was refused")
      return
    }
    #expect(parse(line(most + 1)) == .refused(.uriTooLong))
    #expect(parse(String(repeating: "a", count: most)) == .incomplete)
    #expect(parse(String(repeating: "a", count: most + 1)) == .refused(.uriTooLong))
  }

  @Test func theHeaderHasALimit() {
    let most = Limits.httpHeaderBytesMax
    func header(_ bytes: Int) -> String {
      let start = "GET / HTTP/1.1\r\nX: "
      return start + String(repeating: "a", count: bytes - start.utf8.count - 4) + "\r\n\r\n"
    }
    #expect(parse(header(most)) == .request(HttpRequest(method: .get, path: "/")))
    #expect(parse(header(most + 1)) == .refused(.headerTooLarge))
    let endless = "GET / HTTP/1.1\r\n" + String(repeating: "X: y\r\n", count: 2000)
    #expect(parse(endless) == .refused(.headerTooLarge))
  }

  @Test func garbageIsRefusedOrIncomplete() {
    var generator = SeededGenerator("http garbage")
    for _ in 0..<3000 {
      let count = Int.random(in: 0...300, using: &generator)
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      if case .request(let request) = HttpRequest.parse(bytes) {
        Issue.record("garbage was taken for \(request)")
      }
    }
  }
}

@Suite struct MetricsTextTests {
  @Test func helpAndTypeStandOnceAndLabelsAreEscaped() {
    var text = MetricsText()
    text.add([
      Gauge("a", "Line\none \\", 1, labels: [("n", "q\"u\\o\nte")]), Gauge("b", "B", 0.5),
      Gauge("a", "Line\none \\", 2, labels: [("n", "x")]),
    ])
    #expect(
      text.text == """
        # HELP varve_a Line\\none \\\\
        # TYPE varve_a gauge
        varve_a{n="q\\"u\\\\o\\nte"} 1
        varve_a{n="x"} 2
        # HELP varve_b B
        # TYPE varve_b gauge
        varve_b 0.5

        """)
  }

  @Test func bucketsAreCumulativeAndEndInInfinity() throws {
    let histogram = LatencyHistogram("wait_seconds", "Waiting")
    for nanos: UInt64 in [1, 1500, 3_000_000, UInt64.max / 4] { histogram.record(nanos: nanos) }
    var text = MetricsText()
    text.add(histogram)
    let lines = text.text.split(separator: "\n").filter { $0.contains("_bucket") }
    let counts = lines.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
    #expect(counts == counts.sorted())
    #expect(counts.last == 4)
    #expect(lines.last?.contains("le=\"+Inf\"") == true)
    #expect(text.text.contains("varve_wait_seconds_count 4\n"))
    #expect(text.text.contains("le=\"2e-06\"} 2"))
  }
}

@Suite(.serialized) struct HttpPortTests {
  private func exchange(_ server: TestServer, _ request: String) throws -> String {
    guard case .tcp(_, let port)? = server.server.httpAddress else { return "" }
    let client = try HttpClient(port: port)
    return try client.exchange(request)
  }

  @Test func pages() throws {
    let server = try TestServer()
    func get(_ path: String, _ method: String = "GET") throws -> String {
      try exchange(server, "\(method) \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
    }
    #expect(try get("/healthz").hasSuffix("\r\n\r\nok\n"))
    #expect(try get("/readyz").hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(try get("/").contains("<a href=\"/metrics\">"))
    #expect(try get("/nothing").hasPrefix("HTTP/1.1 404 "))
    let refused = try get("/", "DELETE")
    #expect(refused.hasPrefix("HTTP/1.1 405 "))
    #expect(refused.contains("Allow: GET, HEAD"))
    let head = try get("/healthz", "HEAD")
    #expect(head.hasSuffix("\r\n\r\n"))
    #expect(head.contains("Content-Length: 3\r\n"))
    let long = "GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: 9000) + "\r\n\r\n"
    #expect(try exchange(server, long).hasPrefix("HTTP/1.1 431 "))
    #expect(try exchange(server, "nonsense\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
  }

  @Test func readinessFollowsThePhase() throws {
    let server = try TestServer(opens: false)
    let request = "GET /readyz HTTP/1.1\r\n\r\n"
    let recovering = try exchange(server, request)
    #expect(recovering.hasPrefix("HTTP/1.1 503 "))
    #expect(recovering.contains("recovering"))
    #expect(try exchange(server, "GET /healthz HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 200"))
    try server.server.open()
    #expect(try exchange(server, request).hasPrefix("HTTP/1.1 200 "))
    server.server.phase.enter(.draining)
    #expect(try exchange(server, request).contains("draining"))
  }

  @Test func requestsAtOnceHaveALimit() throws {
    let server = try TestServer()
    guard case .tcp(_, let port)? = server.server.httpAddress else { return }
    // Held open without a word: each keeps its thread.
    var held = try (0..<Limits.httpConnectionsMax - 1).map { _ in try RawClient(port: port) }
    let request = "GET /healthz HTTP/1.1\r\n\r\n"
    #expect(try exchange(server, request).hasPrefix("HTTP/1.1 200 "))
    // The answered connection gives its place back soon after.
    let isFull = server.wait {
      guard let more = try? RawClient(port: port) else { return false }
      held.append(more)
      return (try? exchange(server, request))?.hasPrefix("HTTP/1.1 503 ") == true
    }
    #expect(isFull)
    held = []
    #expect(
      server.wait { (try? exchange(server, request))?.hasPrefix("HTTP/1.1 200 ") == true })
  }

  @Test func metricsAreWellFormed() throws {
    let server = try TestServer()
    let client = try server.client()
    _ = try client.openNamespace("m")
    let text = try exchange(server, "GET /metrics HTTP/1.1\r\n\r\n")
    let body = try #require(text.components(separatedBy: "\r\n\r\n").last)
    var declared: Set<String> = []
    for line in body.split(separator: "\n") {
      if line.hasPrefix("# TYPE ") {
        let name = String(line.split(separator: " ")[2])
        #expect(declared.insert(name).inserted, "\(name) is declared twice")
      } else if !line.hasPrefix("#") {
        #expect(line.hasPrefix("varve_"))
        #expect(Double(line.split(separator: " ").last ?? "") != nil, "\(line)")
      }
    }
    #expect(body.contains("varve_requests_total{call=\"OpenNamespace\"} 1"))
    #expect(body.contains("varve_request_seconds_count{call=\"OpenNamespace\"} 1"))
    #expect(body.contains("varve_connections_open 1"))
    #expect(body.contains("varve_memory_bytes{purpose=\"arena\"}"))
  }
}
