// The page for people: complete in itself, true to the store, and safe whatever a name holds.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct StatusPageTests {
  private func status(_ server: TestServer) throws -> [String: Any] {
    let response = server.server.respond(to: "/status.json")
    #expect(response.contentType == "application/json; charset=utf-8")
    let object = try JSONSerialization.jsonObject(with: Data(response.body.utf8))
    return try #require(object as? [String: Any])
  }

  @Test func thePageNeedsNothingFromElsewhere() throws {
    let server = try TestServer()
    let page = server.server.respond(to: "/").body
    #expect(page.hasPrefix("<!DOCTYPE html>"))
    for word in ["src=", "@import", "url(", "https:", "//cdn", "innerHTML", "eval("] {
      #expect(!page.contains(word), "\(word)")
    }
    // One address stands in it, and it is a name, not a place: the namespace of SVG.
    #expect(page.components(separatedBy: "http:").count == 2)
    #expect(page.contains("default-src 'none'"))
    #expect(page.contains("prefers-color-scheme: dark"))
    #expect(page.contains("width=device-width"))
    // Every element that the script fills is there.
    let wanted = page.matches(of: /(?:byId|put|chart)\('([a-z-]+)'/).map { String($0.output.1) }
    #expect(wanted.count > 15)
    for id in wanted { #expect(page.contains("id=\"\(id)\""), "\(id)") }
  }

  @Test func theStatusIsTheStores() throws {
    let server = try TestServer()
    let client = try server.client()
    let name = "</script><b>\"\\\u{1}\u{2028}&é"
    let id = try client.openNamespace(name).namespaceID
    let ids = Pages.ids(3)
    _ = try client.put(
      namespaceID: id, chain: Chain(pageIDs: ids), pages: ids.indices.map { Pages.bytes(5000, $0) })
    let asked = Chain(pageIDs: ids + Pages.ids(1, seed: 9))
    _ = try client.lookup(LookupRequest(namespaceID: id, chain: asked))
    #expect(!server.server.respond(to: "/status.json").body.contains("<"))
    let status = try status(server)
    #expect(status["ready"] as? Bool == true)
    #expect((status["reasons"] as? [String]) == [])
    #expect(status["pages"] as? Int == 3)
    #expect(status["page_bytes"] as? Int == 15_000)
    #expect(status["capacity_bytes"] as? Int == 64 << 20)
    #expect((status["segments"] as? [String: Int]) == ["open": 1])
    let namespaces = try #require(status["namespaces"] as? [[String: Any]])
    #expect(namespaces.count == 1)
    #expect(namespaces[0]["name"] as? String == name)
    #expect(namespaces[0]["pages_asked"] as? Int == 4)
    #expect(namespaces[0]["pages_hit"] as? Int == 3)
    let calls = try #require(status["calls"] as? [[String: Any]])
    #expect(Set(calls.compactMap { $0["call"] as? String }) == ["OpenNamespace", "Put", "Lookup"])
    // The first sample is taken when the store opens.
    let samples = try #require(status["samples"] as? [String: Any])
    let times = try #require(samples["at_ms"] as? [Int])
    #expect(times.count >= 1)
    for column in ["pages_asked", "pages_hit", "received_bytes", "disk_bytes", "segments"] {
      #expect((samples[column] as? [Int])?.count == times.count, "\(column)")
    }
    let runs = try #require(samples["level_runs"] as? [[Int]])
    #expect(runs.count == (samples["levels"] as? [Int])?.count)
    #expect(runs.allSatisfy { $0.count == times.count })
  }

  @Test func whatIsNotReadySaysWhy() throws {
    let server = try TestServer(opens: false)
    let recovering = try status(server)
    #expect(recovering["ready"] as? Bool == false)
    #expect((recovering["reasons"] as? [String]) == ["the store is recovering"])
    #expect(recovering["pages"] == nil)
    try server.server.open()
    #expect(try status(server)["ready"] as? Bool == true)
    server.server.phase.enter(.draining)
    #expect(try (status(server)["reasons"] as? [String]) == ["the daemon is draining"])
  }

  @Test(arguments: [0, 1, 4, 5, 6, 13])
  func theHistoryKeepsTheLastSamplesInOrder(_ count: Int) {
    let history = StatusHistory(countMax: 5)
    for number in 0..<count {
      var sample = StatusSample()
      sample.wallMillis = UInt64(number)
      history.add(sample)
    }
    #expect(history.samples.map(\.wallMillis) == (max(0, count - 5)..<count).map { UInt64($0) })
  }

  @Test func anHourIsKept() {
    #expect(StatusHistory().countMax == Limits.statusSamplesMax)
    #expect(Limits.statusSamplesMax * Limits.statusSampleSeconds == 3600)
  }
}
