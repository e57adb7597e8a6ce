// What a scrape of a working daemon holds, and that dashboard and alerts ask for nothing else.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@testable import VarveEngine

@Suite(.serialized) struct MetricsTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private func scrape(_ server: TestServer) throws -> Exposition {
    let response = server.server.respond(to: "/metrics")
    #expect(response.contentType == "text/plain; version=0.0.4; charset=utf-8")
    return try Exposition(response.body)
  }

  /// A server that has seen every kind of call, a hit, a miss, a refusal and odd names.
  private func busyServer() throws -> TestServer {
    let server = try TestServer()
    let client = try server.client()
    let name = "odd \"name\" \\ with\nlines"
    let id = try client.openNamespace(name).namespaceID
    let ids = Pages.ids(4)
    let pages = ids.indices.map { Pages.bytes(70_000, $0) }
    let chain = Chain(pageIDs: ids)
    _ = try client.put(namespaceID: id, chain: chain, pages: pages)
    _ = try client.put(namespaceID: id, chain: chain, pages: pages)
    let more = Chain(pageIDs: ids + Pages.ids(3, seed: 77))
    #expect(try client.lookup(LookupRequest(namespaceID: id, chain: more)).hitPages == 4)
    #expect(try client.get(GetRequest(namespaceID: id, chain: chain)) == pages)
    try client.flush()
    #expect(throws: ClientError.self) {
      try client.lookup(LookupRequest(namespaceID: 999, chain: chain))
    }
    var options = VarveWire.NamespaceOptions()
    options.pageBytesMax = 1 << 30
    #expect(throws: ClientError.self) { try client.openNamespace("n", options: options) }
    return server
  }

  @Test func aScrapeOfABusyServerTellsWhatHappened() throws {
    let server = try busyServer()
    // The stages of a get are recorded after its last byte has left.
    #expect(
      server.wait {
        (try? scrape(server))?[
          "varve_request_stage_seconds_count", ["call": "Get", "stage": "send"]]
          == 1
      })
    let read = try scrape(server)
    let name = ["namespace": "odd \"name\" \\ with\nlines"]
    func of(_ metric: String, _ result: String) -> Double? {
      read[metric, name.merging(["result": result]) { $1 }]
    }
    #expect(of("varve_namespace_lookup_pages_total", "hit") == 4)
    #expect(of("varve_namespace_lookup_pages_total", "miss") == 3)
    #expect(read["varve_namespace_pages", name] == 4)
    #expect(read["varve_namespace_stored_bytes_total", name] == 280_000)
    #expect(read["varve_namespace_read_bytes_total", name] == 280_000)
    #expect(read["varve_put_pages_total", ["outcome": "stored"]] == 4)
    #expect(read["varve_put_pages_total", ["outcome": "already_present"]] == 4)
    #expect(read["varve_put_pages_total", ["outcome": "no_space"]] == 0)
    #expect(read["varve_refusals_total", ["reason": "NOT_FOUND"]] == 1)
    #expect(read["varve_refusals_total", ["reason": "page_bytes_max"]] == 1)
    #expect(read["varve_problems_total", ["code": "NOT_FOUND"]] == 1)
    #expect(read["varve_segments", ["state": "open"]] == 1)
    #expect(read["varve_segments", ["state": "sealed"]] == 0)
    #expect((read["varve_segment_bytes", ["state": "open"]] ?? 0) > 280_000)
    #expect(read["varve_segment_live_bytes", ["state": "open"]] == 280_000)
    #expect(read["varve_index_level_runs", ["level": "0"]] == 1)
    #expect((read["varve_index_level_entries", ["level": "0"]] ?? 0) >= 8)
    #expect(read["varve_arena_pages"] == 4)
    #expect(read["varve_arena_hits_total"] == 4)
    #expect(read["varve_arena_evictions_total"] == 0)
    #expect(read["varve_build_info", ["version": Version.text]] == 1)
    #expect(read["varve_requests_in_flight"] == 0)
    #expect((read["varve_process_resident_memory_bytes"] ?? 0) > 1_000_000)
    #expect((read["varve_process_cpu_seconds_total"] ?? 0) > 0)
    let files = read["varve_process_open_fds"] ?? 0
    let filesMax = read["varve_process_max_fds"] ?? 0
    #expect(files > 3 && files < filesMax)
    for (call, stages) in [
      ("Put", ["receive", "index", "disk"]), ("Get", ["index", "send"]),
      ("Lookup", ["index"]), ("Flush", ["queue", "disk"]),
    ] {
      for stage in stages {
        let labels = ["call": call, "stage": stage]
        #expect((read["varve_request_stage_seconds_count", labels] ?? 0) >= 1, "\(labels)")
      }
    }
    #expect(read["varve_request_stage_seconds_count", ["call": "Lookup", "stage": "disk"]] == nil)
    for purpose in MemoryLedger.Purpose.allCases {
      #expect(read["varve_memory_bytes", ["purpose": purpose.label]] != nil)
    }
  }

  @Test func aGetThatReadsTellsItsQueueAndDisk() throws {
    let server = try busyServer()
    let client = try server.client()
    let name = "odd \"name\" \\ with\nlines"
    let id = try client.openNamespace(name).namespaceID
    try #require(server.server.calls).engine.arena.dropSegment(1)
    let chain = Chain(pageIDs: Pages.ids(4))
    #expect(try client.get(GetRequest(namespaceID: id, chain: chain)).allSatisfy { $0 != nil })
    for stage in ["queue", "disk"] {
      let labels = ["call": "Get", "stage": stage]
      let isTold = server.wait {
        (try? scrape(server))?["varve_request_stage_seconds_count", labels] == 1
      }
      #expect(isTold, "\(stage)")
    }
  }

  @Test func theScrapeIsWellFormedInEveryPhase() throws {
    let server = try TestServer(opens: false)
    #expect(try scrape(server)["varve_ready"] == 0)
    try server.server.open()
    #expect(try scrape(server)["varve_ready"] == 1)
    server.server.phase.enter(.draining)
    #expect(try scrape(server)["varve_ready"] == 0)
    server.server.phase.enter(.ready)
    server.stop()
    #expect(try scrape(server)["varve_ready"] == 0)
  }

  @Test(arguments: ["config/grafana-dashboard.json", "config/alerts.yml", "docs/operations.md"])
  func everyMetricThatIsAskedForIsExported(_ path: String) throws {
    let server = try busyServer()
    let names = try scrape(server).names
    let text = try String(
      contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    let asked = Set(text.matches(of: /varve_[a-z0-9_]+/).map { String($0.output) })
    #expect(asked.count > 10)
    #expect(asked.subtracting(names).sorted() == [], "\(path) names what is not exported")
  }

  @Test func everyFamilyIsExplained() throws {
    let server = try busyServer()
    let page = try String(
      contentsOf: Self.root.appendingPathComponent("docs/operations.md"), encoding: .utf8)
    let missing = try scrape(server).families.keys.filter { !page.contains("`\($0)`") }
    #expect(missing.sorted() == [], "docs/operations.md does not explain these")
  }

  @Test func theDashboardCanBeImported() throws {
    let data = try Data(
      contentsOf: Self.root.appendingPathComponent("config/grafana-dashboard.json"))
    let board = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(board["uid"] as? String == "varve")
    #expect((board["schemaVersion"] as? Int ?? 0) >= 36)
    let panels = try #require(board["panels"] as? [[String: Any]])
    #expect(Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
    for panel in panels where panel["type"] as? String != "row" {
      let targets = try #require(panel["targets"] as? [[String: Any]])
      #expect(!targets.isEmpty)
      for target in targets {
        let query = try #require(target["expr"] as? String)
        #expect(query.contains("varve_"), "\(query)")
        #expect(Self.isBalanced(query), "\(query)")
      }
    }
  }

  @Test func everyAlertHasItsParts() throws {
    let text = try String(
      contentsOf: Self.root.appendingPathComponent("config/alerts.yml"), encoding: .utf8)
    let alerts = text.components(separatedBy: "      - alert: ").dropFirst()
    #expect(alerts.count >= 10)
    for alert in alerts {
      for part in ["\n        expr: ", "labels: {severity: ", "summary: \"", "description: \""] {
        #expect(alert.contains(part), "\(part) is missing of \(alert)")
      }
      #expect(Self.isBalanced(alert), "\(alert)")
    }
  }

  private static func isBalanced(_ text: String) -> Bool {
    var open: [Character] = []
    let pairs: [Character: Character] = [")": "(", "}": "{", "]": "["]
    for character in text {
      if pairs.values.contains(character) { open.append(character) }
      if let opening = pairs[character], open.popLast() != opening { return false }
    }
    return open.isEmpty
  }

  @Test func namespacesBeyondTheLimitAreOneSum() throws {
    let server = try TestServer()
    let client = try server.client()
    let most = Limits.namespaceMetricsMax
    for number in 0..<most { _ = try client.openNamespace("n\(number)") }
    func rows() throws -> [Exposition.Sample] {
      try scrape(server).families["varve_namespace_pages"]?.samples ?? []
    }
    #expect(try rows().count == most)
    #expect(try !rows().contains { $0.labels["namespace"] == "" })
    for number in 0..<2 {
      let id = try client.openNamespace("more\(number)").namespaceID
      _ = try client.put(
        namespaceID: id, chain: Chain(pageIDs: Pages.ids(1)), pages: [Pages.bytes(10, 1)])
    }
    #expect(try rows().count == most + 1)
    #expect(
      try rows().last
        == Exposition.Sample(
          name: "varve_namespace_pages", labels: ["namespace": ""], value: 2))
  }
}
