// Namespaces, statistics and maintenance through the client.

import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct AdminTests {
  private func fill(_ client: Client, _ id: UInt32, _ ids: [PageID]) throws -> [[UInt8]] {
    let pages = ids.indices.map { Pages.bytes(3000, $0) }
    let statuses = try client.put(namespaceID: id, chain: Chain(pageIDs: ids), pages: pages)
    #expect(Set(statuses) == [.stored])
    return pages
  }

  @Test func aClearedIDIsNotFoundAndTheNameLivesOn() throws {
    let server = try TestServer()
    let client = try server.client()
    var options = NamespaceOptions()
    options.pageTokens = 64
    options.description = "words"
    let opened = try client.openNamespace("n", options: options)
    #expect(opened.created)
    #expect(opened.info.options.pageTokens == 64)
    #expect(opened.info.tenant == "default")
    let ids = Pages.ids(6)
    _ = try fill(client, opened.namespaceID, ids)
    #expect(try client.clearNamespace("n") == 6)
    let request = LookupRequest(namespaceID: opened.namespaceID, chain: Chain(pageIDs: ids))
    let error = #expect(throws: ClientError.self) { try client.lookup(request) }
    #expect(error?.status == .notFound)
    let again = try client.openNamespace("n", mustExist: true)
    #expect(!again.created)
    #expect(again.namespaceID != opened.namespaceID)
    #expect(again.info.options.description == "words")
    let empty = LookupRequest(namespaceID: again.namespaceID, chain: Chain(pageIDs: ids))
    #expect(try client.lookup(empty).hitPages == 0)
    _ = try fill(client, again.namespaceID, ids)
    #expect(try client.dropNamespace("n") == 6)
    #expect(try client.listNamespaces().isEmpty)
    let gone = #expect(throws: ClientError.self) {
      try client.openNamespace("n", mustExist: true)
    }
    #expect(gone?.status == .notFound)
  }

  @Test func namespacesDoNotMix() throws {
    let server = try TestServer()
    let client = try server.client()
    let first = try client.openNamespace("a").namespaceID
    let second = try client.openNamespace("b").namespaceID
    let ids = Pages.ids(3)
    let pages = try fill(client, first, ids)
    #expect(
      try client.lookup(LookupRequest(namespaceID: second, chain: Chain(pageIDs: ids))).hitPages
        == 0)
    #expect(
      try client.get(GetRequest(namespaceID: first, chain: Chain(pageIDs: ids))) == pages)
    #expect(try client.listNamespaces().map(\.name).sorted() == ["a", "b"])
  }

  @Test func statisticsTellWhatHappened() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(5)
    _ = try fill(client, id, ids)
    let asked = Chain(pageIDs: ids + Pages.ids(2, seed: 900))
    #expect(try client.lookup(LookupRequest(namespaceID: id, chain: asked)).hitPages == 5)
    let stats = try client.stats()
    #expect(stats.version == Version.text)
    #expect(stats.ready && stats.writable)
    #expect(stats.capacityBytes == 64 << 20)
    #expect(stats.memoryLimitBytes == 96 << 20)
    #expect(stats.memoryBytes > 0 && stats.memoryBytes <= stats.memoryLimitBytes)
    #expect(stats.pages == 5)
    #expect(stats.pageBytes == 15_000)
    #expect(stats.bootID == client.server.bootID)
    #expect(!stats.bootID.isEmpty)
    #expect(stats.namespaces.map(\.name) == ["n"])
    #expect(stats.namespaces[0].pages == 5)
    #expect(stats.counters["lookup_pages_asked_total"] == 7)
    #expect(stats.counters["lookup_pages_hit_total"] == 5)
    #expect(stats.counters["requests_total{call=\"Put\"}"] == 1)
    #expect(stats.counters["connections_accepted_total"] == 1)
    let put = try #require(stats.latencies.first { $0.name == "Put" })
    #expect(put.count == 1)
    #expect(put.p50Micros > 0 && put.p50Micros <= put.maxMicros)
  }

  @Test func maintenanceEndsWell() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(50)
    let pages = try fill(client, id, ids)
    try client.flush()
    try client.compact(indexOnly: true)
    // The gate is open again.
    try client.compact()
    #expect(try client.get(GetRequest(namespaceID: id, chain: Chain(pageIDs: ids))) == pages)
    #expect(
      try client.reportCorrupt(
        ReportCorruptRequest(namespaceID: id, pageID: ids[0], expected: 1, found: 2)) == false)
    #expect(
      try client.lookup(LookupRequest(namespaceID: id, chain: Chain(pageIDs: ids))).hitPages
        == 50)
  }

  @Test func whatWasAcknowledgedIsThereAfterARestart() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(20)
    let pages = try fill(client, id, ids)
    let boot = client.server.bootID
    client.close()
    server.stop()
    let again = try TestServer(on: server.directory)
    let later = try again.client()
    #expect(later.server.bootID != boot)
    let info = try later.openNamespace("n", mustExist: true)
    #expect(info.namespaceID == id)
    #expect(try later.get(GetRequest(namespaceID: id, chain: Chain(pageIDs: ids))) == pages)
  }
}
