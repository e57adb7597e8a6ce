// A scrub reads everything that can be asked for, finds exactly what is bad, takes it out of
// service and harms nothing else.

import Testing
import VarveBase
import VarveEngine
import VarveFile

@Suite struct EngineScrubTests {
  /// A store in memory with several sealed segments and an open one.
  private func filled(
    rounds: Int = 8
  ) throws -> (TestStore, MemoryFileSystem, namespace: UInt32, pages: [TestPage]) {
    let files = MemoryFileSystem()
    let store = try TestStore(files: files)
    let namespace = try store.namespace()
    var pages: [TestPage] = []
    for round in 0..<rounds {
      let more = chain(UInt64(round + 1), 16).map { TestPage($0, bytes: 70_001) }
      #expect(try store.put(more, namespace: namespace).allSatisfy { $0 == .stored })
      pages += more
    }
    try store.engine.flush()
    return (store, files, namespace, pages)
  }

  /// Where every page lies, told by the files alone.
  private func places(_ files: any FileSystem) throws -> [PageID: Location] {
    var places: [PageID: Location] = [:]
    let scanner = SegmentScanner(files, directory: "/data/segments")
    for listing in try SegmentListing.list(files, directory: "/data/segments") {
      for extent in try scanner.scan(listing, check: .none).extents {
        for page in extent.pages { places[page.name.id] = page.location }
      }
    }
    return places
  }

  private func path(_ segment: UInt64) -> String { SegmentFormat.path("/data/segments", segment) }

  private func damage(_ files: MemoryFileSystem, _ place: Location, at byte: Int) {
    files.flipBit((Int(place.offset) + byte) * 8 + 3, of: path(place.segment))
  }

  private func scrub(_ store: TestStore) throws -> ScrubCounts {
    try store.engine.scrub(bytesPerSecond: nil) { _ in true }
  }

  private func isPresent(_ store: TestStore, _ namespace: UInt32, _ page: TestPage) throws -> Bool {
    try store.engine.lookup(
      ChainSlice(namespace: namespace, ids: [page.id], first: 0, count: 1)
    ).hitPages == 1
  }

  @Test func aSoundStoreIsReadWholeAndLeftAlone() throws {
    let (store, _, namespace, pages) = try filled()
    var steps: [WorkProgress] = []
    let counts = try store.engine.scrub(bytesPerSecond: nil) {
      steps.append($0)
      return true
    }
    #expect(counts.pagesChecked == UInt64(pages.count))
    #expect(counts.pagesBad == 0 && counts.headersBad == 0 && counts.pagesQuarantined == 0)
    #expect(counts.bytesRead >= UInt64(pages.count * 70_001))
    #expect(counts.segments == UInt64(store.engine.statistics().segments.count))
    let first = try #require(steps.first)
    let last = try #require(steps.last)
    #expect(first.done == 0 && first.total == UInt64(pages.count * 70_001))
    #expect(last.stage == "done" && last.done == last.total)
    #expect(last.result["pages_checked"] == UInt64(pages.count))
    #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.done <= $1.done })
    #expect(try store.hits(Array(pages[0..<16]), namespace: namespace) == 16)
  }

  @Test func anEmptyStoreIsScrubbedInNoTime() throws {
    let store = try TestStore()
    #expect(try scrub(store) == ScrubCounts())
  }

  @Test func whatIsBadIsFoundAndGoesOutOfServiceThoughTheArenaHadItGood() throws {
    var random = SeededRandom(77)
    for round in 0..<4 {
      let (store, files, namespace, pages) = try filled()
      let places = try places(files)
      var bad: Set<Int> = [0, pages.count - 1]
      for _ in 0..<5 { bad.insert(Int.random(in: 0..<pages.count, using: &random)) }
      for index in bad {
        let place = try #require(places[pages[index].id])
        damage(files, place, at: Int.random(in: 0..<70_001, using: &random))
      }
      let counts = try scrub(store)
      #expect(counts.pagesChecked == UInt64(pages.count), "round \(round)")
      #expect(counts.pagesBad == UInt64(bad.count))
      #expect(counts.pagesQuarantined == UInt64(bad.count))
      #expect(store.engine.statistics().quarantinedPages == UInt64(bad.count))
      #expect(store.engine.statistics().pages == UInt64(pages.count - bad.count))
      for (index, page) in pages.enumerated() {
        #expect(try isPresent(store, namespace, page) == !bad.contains(index), "page \(index)")
      }
      // The next scrub has nothing left to find, the next put brings the pages back.
      #expect(try scrub(store).pagesBad == 0)
      for index in bad {
        let slice = ChainSlice(namespace: namespace, ids: [pages[index].id], first: 0, count: 1)
        #expect(try store.put([pages[index]], in: slice) == [.stored])
        #expect(try store.get(slice).map(\.1) == [pages[index].bytes])
      }
      try store.reopen()
      #expect(store.engine.statistics().pages == UInt64(pages.count))
    }
  }

  @Test func whatNobodyCanAskForIsNotJudged() throws {
    let (store, files, namespace, pages) = try filled(rounds: 3)
    let other = try store.namespace("dropped")
    let dropped = chain(900, 4).map { TestPage($0, bytes: 30_000) }
    _ = try store.put(dropped, namespace: other)
    let places = try places(files)
    #expect(try store.engine.delete(store.whole(Array(pages[0..<5]), namespace)) == 5)
    #expect(try store.engine.dropNamespace(name: "dropped") == 4)
    for page in pages[0..<5] + dropped { damage(files, try #require(places[page.id]), at: 9) }
    let counts = try scrub(store)
    #expect(counts.pagesChecked == UInt64(pages.count - 5))
    #expect(counts.pagesBad == 0)
  }

  enum Part: CaseIterable { case segmentHeader, extentHeader, footer, openExtentHeader }

  @Test(arguments: Part.allCases) func aDamagedHeaderIsToldAndItsPagesAreStillJudged(
    _ part: Part
  ) throws {
    let (store, files, namespace, pages) = try filled()
    let segments = store.engine.statistics().segments
    let sealed = try #require(segments.first { $0.state == "sealed" })
    let open = try #require(segments.first { $0.state == "open" })
    let places = try places(files)
    let size = try files.size(path(sealed.id))
    switch part {
    case .segmentHeader: files.flipBit(20 * 8, of: path(sealed.id))
    case .extentHeader: files.flipBit((4096 + 70) * 8, of: path(sealed.id))
    case .footer: files.flipBit(Int(size - 8192) * 8 + 80, of: path(sealed.id))
    case .openExtentHeader: files.flipBit((4096 + 70) * 8, of: path(open.id))
    }
    // A bad page of the same segment is found all the same.
    let number = part == .openExtentHeader ? open.id : sealed.id
    let victim = try #require(pages.last { places[$0.id]?.segment == number })
    damage(files, try #require(places[victim.id]), at: 70_000)
    let counts = try scrub(store)
    // An extent in the tail that nobody finds any more leaves no header to call bad.
    #expect(counts.headersBad == (part == .openExtentHeader ? 0 : 1), "\(part)")
    #expect(counts.pagesChecked == UInt64(pages.count), "\(part)")
    #expect(counts.pagesBad == 1 && counts.pagesQuarantined == 1)
    #expect(try isPresent(store, namespace, victim) == false)
    #expect(try isPresent(store, namespace, pages[0]))
  }

  @Test func itEndsWhenNobodyWants() throws {
    let (store, _, _, pages) = try filled()
    var steps = 0
    let counts = try store.engine.scrub(bytesPerSecond: Limits.scrubBytesPerSecondMin) { _ in
      steps += 1
      return steps < 3
    }
    // Its rate would have kept it for minutes.
    #expect(steps == 3)
    #expect(counts.pagesChecked < UInt64(pages.count))
    store.close()
    #expect(throws: EngineError.closed) { try scrub(store) }
  }

  @Test func itKeepsItsRateAndHoldsNoLockWhileItWaits() throws {
    let (store, _, namespace, pages) = try filled(rounds: 2)
    let rate = 8.0 * 1_048_576
    let started = SystemClock().monotonicNanos()
    var round: UInt64 = 0
    let counts = try store.engine.scrub(bytesPerSecond: rate) { _ in
      do {
        // Everything that takes a lock of the engine, from within the scrub.
        round += 1
        let more = chain(5000 + round, 2).map { TestPage($0, bytes: 1000) }
        #expect(try store.put(more, namespace: namespace, durable: true) == [.stored, .stored])
        #expect(try store.engine.delete(store.whole(more, namespace)) == 2)
        #expect(try store.hits(Array(pages[0..<16]), namespace: namespace) == 16)
        _ = store.engine.statistics()
      } catch {
        Issue.record("\(error)")
      }
      return true
    }
    let seconds = Double(SystemClock().monotonicNanos() - started) / 1e9
    #expect(counts.pagesChecked == UInt64(pages.count))
    #expect(seconds >= Double(counts.bytesRead) / rate * 0.99)
    #expect(round >= 3)
  }

  @Test func segmentsThatGoMeanwhileAreNoDamage() throws {
    let (store, _, _, _) = try filled(rounds: 30)
    var isLowered = false
    let counts = try store.engine.scrub(bytesPerSecond: nil) { step in
      if !isLowered {
        isLowered = true
        do {
          _ = try store.engine.setCapacity(store.engine.capacityBytesMin)
        } catch {
          Issue.record("\(error)")
        }
      }
      return true
    }
    #expect(isLowered && store.engine.statistics().evictedPages > 0)
    #expect(counts.pagesBad == 0 && counts.headersBad == 0)
  }
}
