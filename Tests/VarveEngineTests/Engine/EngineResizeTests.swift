// Options and bounds that change while the store runs, each at its limits, and the pace of a scrub.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct EngineResizeTests {
  private func fill(
    _ store: TestStore, _ namespace: UInt32, rounds: Range<Int>
  ) throws -> [[TestPage]] {
    var all: [[TestPage]] = []
    for round in rounds {
      let pages = chain(UInt64(round + 1), 20).map { TestPage($0, bytes: 100_000) }
      #expect(try store.put(pages, namespace: namespace).allSatisfy { $0 == .stored })
      all.append(pages)
    }
    return all
  }

  @Test func aLoweredCapacityEvictsTheOldestUntilItFits() throws {
    let store = try TestStore(TestStore.configuration(capacity: 80 << 20))
    let namespace = try store.namespace()
    let rounds = try fill(store, namespace, rounds: 0..<30)
    #expect(store.engine.statistics().evictedPages == 0)
    let answer = try store.engine.setCapacity(40 << 20)
    #expect(answer.capacityBytes == 40 << 20)
    #expect(answer.diskBytes <= 40 << 20)
    let numbers = store.engine.statistics()
    #expect(numbers.capacityBytes == 40 << 20 && numbers.reservedBytes <= 40 << 20)
    #expect(numbers.evictedPages > 0 && numbers.evictedPages + numbers.pages == 600)
    let hits = try rounds.map { try store.hits($0, namespace: namespace) }
    #expect(hits.first == 0 && hits.last == 20)
    // It holds from now on, and can be raised again.
    _ = try fill(store, namespace, rounds: 100..<130)
    #expect(store.engine.statistics().diskBytes <= 40 << 20)
    #expect(try store.engine.setCapacity(120 << 20).capacityBytes == 120 << 20)
    let before = store.engine.statistics().evictedPages
    _ = try fill(store, namespace, rounds: 200..<230)
    #expect(store.engine.statistics().evictedPages == before)
    // A start takes the configuration's again.
    try store.reopen()
    #expect(store.engine.statistics().capacityBytes == 80 << 20)
  }

  @Test func theBoundsOfACapacity() throws {
    let store = try TestStore()
    let least: UInt64 = 8 * 4 << 20
    let most = Limits.capacityBytesMax
    #expect(store.engine.capacityBytesMin == least)
    for asked in [0, least - 1, most + 1, .max] {
      #expect(throws: EngineError.capacityOutOfRange(asked: asked, least: least, most: most)) {
        try store.engine.setCapacity(asked)
      }
    }
    #expect(store.engine.statistics().capacityBytes == 64 << 20)
    #expect(try store.engine.setCapacity(least).capacityBytes == least)
    #expect(try store.engine.setCapacity(most).capacityBytes == most)
    let free = try store.files.freeBytes("/data")
    let used = store.engine.statistics().diskBytes
    _ = try store.engine.setCapacity(least)
    // At the edge of what min_free leaves, one byte over it, and lowering, which asks nothing.
    #expect(throws: EngineError.self) {
      try store.engine.setCapacity(used + free - 4095, minFree: 4096)
    }
    #expect(
      try store.engine.setCapacity(used + free - 4096, minFree: 4096).capacityBytes
        == used + free - 4096)
    _ = try store.engine.setCapacity(least, minFree: .max)
    // As many segments as there are descriptors for, and a byte more.
    let segment = UInt64(store.engine.configuration.segmentBytesInForce)
    #expect(
      throws: EngineError.capacityOverDescriptors(asked: 9 * segment + 1, most: 9 * segment)
    ) {
      try store.engine.setCapacity(9 * segment + 1, segmentsMax: 9)
    }
    #expect(
      try store.engine.setCapacity(9 * segment, segmentsMax: 9).capacityBytes == 9 * segment)
    store.close()
    #expect(throws: EngineError.closed) { try store.engine.setCapacity(least) }
  }

  @Test func optionsChangeForWhatIsPutLaterAndSurviveARestart() throws {
    let clock = ManualClock()
    let store = try TestStore(clock: clock)
    let namespace = try store.namespace()
    let early = chain(1, 2).map { TestPage($0, bytes: 9000) }
    #expect(try store.put(early, namespace: namespace) == [.stored, .stored])
    var change = NamespaceChange()
    change.ttlSeconds = 60
    change.pageBytesMax = 8192
    change.description = "words"
    change.pageTokens = 64
    change.weight = 7
    let view = try store.engine.setNamespace(name: "test", change)
    #expect(view.id == namespace && view.pages == 2)
    #expect(view.options.ttlSeconds == 60 && view.options.pageBytesMax == 8192)
    let small = chain(2, 1).map { TestPage($0, bytes: 8192) }
    let large = chain(3, 1).map { TestPage($0, bytes: 8193) }
    #expect(try store.put(small, namespace: namespace) == [.stored])
    #expect(try store.put(large, namespace: namespace) == [.tooLarge])
    clock.advance(millis: 61_000)
    #expect(try store.hits(small, namespace: namespace) == 0)
    #expect(try store.hits(early, namespace: namespace) == 2)
    try store.reopen()
    let options = try #require(store.engine.namespace(namespace)).options
    #expect(options.description == "words" && options.pageTokens == 64)
    #expect(options.ttlSeconds == 60 && options.pageBytesMax == 8192 && options.weight == 7)
    // 0 and empty give the defaults back; what is not named stays.
    var back = NamespaceChange()
    back.ttlSeconds = 0
    back.pageBytesMax = 0
    #expect(try store.engine.liveNamespace(namespace).claimant.weight == 7)
    back.weight = 0
    let restored = try store.engine.setNamespace(name: "test", back).options
    #expect(restored.ttlSeconds == 0 && restored.pageBytesMax == 2 << 20)
    #expect(restored.description == "words" && restored.weight == 0)
    #expect(try store.engine.liveNamespace(namespace).claimant.weight == 1)
    #expect(try store.put(large, namespace: namespace) == [.stored])
  }

  @Test func optionsThatCannotBe() throws {
    let store = try TestStore()
    _ = try store.namespace()
    var change = NamespaceChange()
    change.pageBytesMax = 2 << 20
    #expect(try store.engine.setNamespace(name: "test", change).options.pageBytesMax == 2 << 20)
    change.pageBytesMax = 2 << 20 + 1
    #expect(
      throws: EngineError.pageBytesMaxTooLarge(asked: 2 << 20 + 1, limit: 2 << 20)
    ) { try store.engine.setNamespace(name: "test", change) }
    #expect(throws: EngineError.namespaceUnknown) {
      try store.engine.setNamespace(name: "nobody", NamespaceChange())
    }
  }

  @Test func theRateOfAScrubIsKeptAndNotMadeUpFor() {
    var pace = Pace(bytesPerSecond: 1000, nowNanos: 5_000_000_000)
    #expect(pace.delayNanos(after: 500, nowNanos: 5_000_000_000) == 500_000_000)
    #expect(pace.delayNanos(after: 500, nowNanos: 5_200_000_000) == 800_000_000)
    #expect(pace.delayNanos(after: 0, nowNanos: 6_000_000_000) == 0)
    // Ten idle seconds are worth one.
    #expect(pace.delayNanos(after: 1000, nowNanos: 16_000_000_000) == 0)
    #expect(pace.delayNanos(after: 1000, nowNanos: 16_000_000_000) == 1_000_000_000)
    var slow = Pace(bytesPerSecond: 1e-9, nowNanos: 0)
    #expect(slow.delayNanos(after: .max, nowNanos: 0) == 86_400_000_000_000)
  }
}
