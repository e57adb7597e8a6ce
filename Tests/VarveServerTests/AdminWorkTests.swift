// Scrub, capacity, namespace options and drain over the wire.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized) struct AdminWorkTests {
  private typealias Progress = VarveWire.Progress

  private func fill(
    _ client: Client, _ id: UInt32, _ ids: [PageID], bytes: Int = 3000
  ) throws -> [[UInt8]] {
    let pages = ids.indices.map { Pages.bytes(bytes, $0) }
    let statuses = try client.put(namespaceID: id, chain: Chain(pageIDs: ids), pages: pages)
    #expect(Set(statuses) == [.stored])
    return pages
  }

  private func refused(_ body: () throws -> Void) -> Problem? {
    do {
      try body()
      Issue.record("it was not refused")
    } catch ClientError.problem(let problem) {
      return problem
    } catch {
      Issue.record("\(error)")
    }
    return nil
  }

  // MARK: - Scrub

  @Test func aScrubFindsWhatTheDiskSpoilt() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    let ids = Pages.ids(30)
    _ = try fill(client, id, ids)
    try client.flush()
    let sound = try client.scrub()
    #expect(sound?.stage == "done" && sound?.done == 90_000 && sound?.total == 90_000)
    #expect(sound?.result["pages_checked"] == 30 && sound?.result["pages_bad"] == 0)
    let segments = server.directory.path + "/data/segments"
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: segments).first)
    let file = try #require(FileHandle(forUpdatingAtPath: segments + "/" + name))
    // Behind segment header and extent header: the first page, and the eleventh.
    for page in [0, 10] {
      try file.seek(toOffset: UInt64(8192 + page * 3000 + 5))
      try file.write(contentsOf: Data([1, 2, 3, 4, 5, 6, 7, 8]))
    }
    try file.close()
    let found = try client.scrub(maxBytesPerSecond: 1e9)
    #expect(found?.result["pages_bad"] == 2 && found?.result["pages_quarantined"] == 2)
    let stats = try client.stats()
    #expect(stats.quarantinedPages == 2 && stats.pages == 28)
    let lookup = LookupRequest(namespaceID: id, chain: Chain(pageIDs: ids), wantPresent: true)
    #expect(try client.lookup(lookup).present == [0b1111_1110, 0b1111_1011, 0xff, 0b11_1111])
    #expect(try client.scrub()?.result["pages_bad"] == 0)
  }

  @Test func oneScrubAtATimeAndACancelledOneStops() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    _ = try fill(client, id, Pages.ids(40), bytes: 100_000)
    let raw = try server.raw()
    try raw.hello()
    let slow = ScrubRequest(maxBytesPerSecond: Limits.scrubBytesPerSecondMin).encode()
    try raw.send(.request, flags: .last, method: .scrub, stream: 1, slow)
    let first = try Progress(decoding: try raw.frame().message.rawSpan)
    #expect(first.done == 0 && first.total == 4_000_000)
    let busy = refused { try client.scrub() }
    #expect(busy?.status == .resourceExhausted && busy?.limitValue == 1)
    // Others work meanwhile, and so does a compaction.
    try client.compact()
    #expect(try client.stats().pages == 40)
    try raw.send(.cancel, flags: .last, stream: 1)
    while let frame = try raw.next() {
      guard frame.header.flags.contains(.last) else { continue }
      #expect(frame.problem?.status == .cancelled)
      break
    }
    #expect(server.wait { (try? client.scrub())?.stage == "done" })
  }

  @Test(arguments: [-1.0, .nan, 1.0, Limits.scrubBytesPerSecondMin - 1, -.infinity])
  func aRateThatIsNone(_ rate: Double) throws {
    let server = try TestServer()
    let client = try server.client()
    let problem = refused { try client.scrub(maxBytesPerSecond: rate) }
    #expect(problem?.status == .invalidArgument)
    #expect(problem?.limitValue == 65_536)
    #expect(problem?.message.contains("\(rate)") == true)
    for rate in [0, Limits.scrubBytesPerSecondMin, .infinity, 1e300] {
      #expect(try client.scrub(maxBytesPerSecond: rate)?.stage == "done")
    }
  }

  // MARK: - Compact

  @Test func aCompactionTellsHowFarItIs() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    _ = try fill(client, id, Pages.ids(500), bytes: 100)
    var steps: [Progress] = []
    let last = try client.compact { step in
      steps.append(step)
      return true
    }
    #expect(steps.map(\.stage).first == "flush" && last?.stage == "done")
    #expect(steps.contains { $0.stage == "merge" } && steps.contains { $0.stage == "segments" })
    #expect(last?.done == last?.total && (last?.total ?? 0) > 0)
    #expect(last?.result["tables_after"] == 1)
    #expect(try client.compact(indexOnly: true)?.result["segments_dropped"] == nil)
  }

  // MARK: - Capacity

  @Test func theCapacityMovesWithinItsLimits() throws {
    let server = try TestServer()
    let client = try server.client()
    let least = UInt64(32 << 20)
    #expect(try client.setCapacity(least).capacityBytes == least)
    #expect(try client.stats().capacityBytes == least)
    let low = refused { _ = try client.setCapacity(least - 1) }
    #expect(low?.status == .invalidArgument && low?.value == least - 1)
    #expect(low?.limitValue == least && low?.message.contains("\(least - 1)") == true)
    let high = refused { _ = try client.setCapacity((1 << 60) + 1) }
    #expect(high?.status == .invalidArgument && high?.limitValue == 1 << 60)
    #expect(try client.stats().capacityBytes == least)
  }

  @Test func aLoweredCapacityIsWithinItsBoundWhenAnswered() throws {
    let server = try TestServer()
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    for round in 0..<12 {
      _ = try fill(client, id, Pages.ids(20, seed: UInt32(round * 1000 + 1)), bytes: 200_000)
    }
    let answer = try client.setCapacity(32 << 20)
    let stats = try client.stats()
    #expect(answer.diskBytes <= 32 << 20 && stats.diskBytes <= 32 << 20)
    #expect(stats.evictedPages > 0 && stats.evictedPages + stats.pages == 240)
  }

  @Test func minFreeIsKeptWhenTheCapacityRises() throws {
    let server = try TestServer { $0.minFreeBytes = 1 << 20 }
    let client = try server.client()
    let problem = refused { _ = try client.setCapacity(1 << 59) }
    #expect(problem?.status == .invalidArgument)
    #expect(problem?.message.contains("min_free 1048576") == true)
    #expect(try client.stats().capacityBytes == 64 << 20)
  }

  // MARK: - Namespaces

  @Test func fieldsNameWhatIsChanged() throws {
    let server = try TestServer()
    let client = try server.client()
    var options = NamespaceOptions(pageTokens: 64, ttlSeconds: 100, description: "old")
    _ = try client.openNamespace("n", options: options)
    options = NamespaceOptions(pageTokens: 128, ttlSeconds: 7, description: "new")
    // Named: changed. Set, but not named: left. Named, but not set: back to the default.
    let info = try client.setNamespace("n", options: options, fields: ["ttl_seconds"])
    #expect(info.options.ttlSeconds == 7 && info.options.pageTokens == 64)
    #expect(info.options.description == "old")
    let none = try client.setNamespace(
      "n", options: NamespaceOptions(), fields: ["ttl_seconds", "description"])
    #expect(none.options.ttlSeconds == 0 && none.options.description.isEmpty)
    // No fields: what is set.
    let set = try client.setNamespace("n", options: options, fields: [])
    #expect(set.options.pageTokens == 128 && set.options.ttlSeconds == 7)
    #expect(set.options.pageBytesMax == 2 << 20)
    let least = NamespaceOptions(codec: .raw)
    let raw = try client.setNamespace("n", options: least, fields: ["codec", "quota_bytes"])
    #expect(raw.options.codec == .raw)
    #expect(raw.name == "n" && raw.id == 1)
  }

  @Test func fieldsThatCannotBeChanged() throws {
    let server = try TestServer()
    let client = try server.client()
    _ = try client.openNamespace("n")
    func refusal(
      _ options: NamespaceOptions, _ fields: [String], name: String = "n"
    ) -> Problem? {
      refused { _ = try client.setNamespace(name, options: options, fields: fields) }
    }
    let quota = refusal(NamespaceOptions(quotaBytes: 5), ["quota_bytes"])
    #expect(quota?.status == .unimplemented && quota?.message.contains("quota_bytes") == true)
    let planes = refusal(NamespaceOptions(codec: .planes), [])
    #expect(planes?.status == .unimplemented && planes?.message.contains("codec") == true)
    let codec = refusal(NamespaceOptions(codec: .unknown(9)), ["codec"])
    #expect(codec?.status == .invalidArgument)
    let field = refusal(NamespaceOptions(), ["name"])
    #expect(field?.status == .invalidArgument && field?.message.contains("\"name\"") == true)
    let large = refusal(NamespaceOptions(pageBytesMax: (2 << 20) + 1), [])
    #expect(large?.status == .invalidArgument)
    #expect(large?.value == (2 << 20) + 1 && large?.limitValue == 2 << 20)
    let ttl = refusal(NamespaceOptions(ttlSeconds: Limits.ttlSecondsMax + 1), ["ttl_seconds"])
    #expect(ttl?.status == .invalidArgument && ttl?.limitValue == Limits.ttlSecondsMax)
    let long = String(repeating: "d", count: Limits.descriptionBytesMax + 1)
    let words = refusal(NamespaceOptions(description: long), ["description"])
    #expect(words?.status == .invalidArgument && words?.value == 4097)
    #expect(refusal(NamespaceOptions(), [], name: "nobody")?.status == .notFound)
    let edge = NamespaceOptions(
      pageBytesMax: 2 << 20, ttlSeconds: Limits.ttlSecondsMax, description: String(long.dropLast()))
    #expect(try client.setNamespace("n", options: edge, fields: []).options.pageBytesMax == 2 << 20)
  }
}
