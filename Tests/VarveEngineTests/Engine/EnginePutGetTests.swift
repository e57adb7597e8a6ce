// What is put comes back, byte for byte; what cannot be put is refused page by page.

import Testing
import VarveBase
import VarveEngine

@Suite struct EnginePutGetTests {
  @Test func pagesComeBackAsTheyWerePut() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let pages = chain(1, 70).enumerated().map { TestPage($1, bytes: 1000 + $0 * 777) }
    #expect(try store.put(pages, namespace: namespace) == Array(repeating: .stored, count: 70))
    #expect(try store.hits(pages, namespace: namespace) == 70)
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
    let bytes = pages.reduce(0) { $0 + $1.bytes.count }
    let view = try #require(store.engine.namespace(namespace))
    #expect(view.pages == 70 && view.bytes == UInt64(bytes))
    #expect(view.bytesIn == UInt64(bytes) && view.bytesOut == UInt64(bytes))
  }

  @Test func aSecondPutIsAlreadyPresentWhateverItsChecksum() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let pages = chain(2, 3).map { TestPage($0, bytes: 5000) }
    _ = try store.put(pages, namespace: namespace)
    let others = pages.map { TestPage($0.id, bytes: 5000, version: 9) }
    #expect(
      try store.put(others, namespace: namespace) == Array(repeating: .alreadyPresent, count: 3))
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
    let longer = pages.map { TestPage($0.id, bytes: 5001) }
    #expect(
      try store.put(longer, namespace: namespace) == Array(repeating: .sizeConflict, count: 3))
  }

  @Test func askNamesWhatIsMissingAndOnlyThatIsSent() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let pages = chain(3, 9).map { TestPage($0, bytes: 4097) }
    let slice = store.whole(pages, namespace)
    let part = ChainSlice(
      namespace: namespace, ids: slice.ids, first: 2, count: 3, atRoot: true)
    #expect(try store.put(Array(pages[2..<5]), in: part) == [.stored, .stored, .stored])
    let outcomes = try store.put(pages, in: slice, ask: true)
    #expect(outcomes.filter { $0 == .alreadyPresent }.count == 3)
    #expect(outcomes.filter { $0 == .stored }.count == 6)
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
  }

  @Test func badPagesAreRefusedAloneAndNothingOfThemStays() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let most = Int(store.configuration.pageBytesMax)
    let ids = chain(4, 5)
    let pages = [
      TestPage(ids[0], bytes: 100), TestPage(ids[1], bytes: 200),
      TestPage(ids[2], bytes: most + 1), TestPage(ids[3], bytes: most), TestPage(ids[4], bytes: 7),
    ]
    var checksums = pages.map(\.checksum)
    checksums[1] ^= 1
    let slice = store.whole(pages, namespace)
    #expect(
      try store.put(pages, in: slice, checksums: checksums)
        == [.stored, .checksumMismatch, .tooLarge, .stored, .stored])
    let answer = try store.engine.lookup(slice, wantPresent: true)
    #expect(answer.hitPages == 1 && answer.present == [0b11001])
    let got = try store.get(slice, sparse: true)
    #expect(got.map(\.0) == [.present, .missing, .missing, .present, .present])
    #expect(got[3].1 == pages[3].bytes)
    // The refused one can be put again.
    #expect(try store.put(pages, in: slice)[1] == .stored)
  }

  @Test(arguments: [0, 1, 99, 100, 101, 299, 300])
  func bytesThatEndEarlyCutTheirPageOff(sent: Int) throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let pages = chain(5, 3).map { TestPage($0, bytes: 100) }
    let outcomes = try store.put(
      pages, in: store.whole(pages, namespace), bytesSent: sent)
    let expected: [PageOutcome] = (0..<3).map { page in
      if sent >= (page + 1) * 100 { return .stored }
      return sent > page * 100 ? .lengthMismatch : .notAttempted
    }
    #expect(outcomes == expected)
    #expect(try store.hits(pages, namespace: namespace) == sent / 100)
    // Nothing is claimed any more: the whole put goes through.
    let again = try store.put(pages, namespace: namespace)
    #expect(again.allSatisfy { $0 == .stored || $0 == .alreadyPresent })
  }

  @Test func aPutOfAPageInFlightSharesItsOutcome() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let page = TestPage(chain(6, 1)[0], bytes: 9000)
    let slice = store.whole([page], namespace)
    let order = PutOrder(slice: slice, pageBytes: [9000], checksums: [page.checksum])
    let first = try store.engine.beginPut(order)
    let second = try store.engine.beginPut(order)
    #expect(second.need == [0])
    let told = Monitor<[PageOutcome]?>(nil)
    second.finish { outcomes in told.update { $0 = outcomes } }
    #expect(told.update { $0 } == nil)
    store.send([page], first)
    #expect(TestStore.finish(first) == [.stored])
    let deadline = SystemClock().monotonicNanos() + 10_000_000_000
    #expect(told.wait(until: deadline) { $0 } == [.alreadyPresent])
  }

  @Test func theSameIdTwiceInOnePutIsStoredOnce() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let page = TestPage(chain(7, 1)[0], bytes: 5000)
    let slice = ChainSlice(
      namespace: namespace, ids: [page.id, page.id], first: 0, count: 2)
    #expect(try store.put([page, page], in: slice) == [.stored, .alreadyPresent])
    #expect(store.engine.statistics().pages == 1)
  }

  @Test func namespacesDoNotMix() throws {
    let store = try TestStore()
    let one = try store.namespace("one")
    let two = try store.namespace("two")
    let pages = chain(8, 4).map { TestPage($0, bytes: 3000) }
    _ = try store.put(pages, namespace: one)
    #expect(try store.hits(pages, namespace: two) == 0)
    let others = pages.map { TestPage($0.id, bytes: 3000, version: 2) }
    _ = try store.put(others, namespace: two)
    #expect(try store.get(pages, namespace: one) == pages.map(\.bytes))
    #expect(try store.get(pages, namespace: two) == others.map(\.bytes))
  }

  @Test func aPageLivesAsLongAsItsTimeToLive() throws {
    let clock = ManualClock()
    let store = try TestStore(clock: clock)
    let namespace = try store.namespace(ttl: 10)
    let pages = chain(9, 2).map { TestPage($0, bytes: 3000) }
    _ = try store.put(pages, namespace: namespace)
    clock.advance(millis: 9_000)
    #expect(try store.hits(pages, namespace: namespace) == 2)
    try store.reopen()
    #expect(try store.hits(pages, namespace: namespace) == 2)
    clock.advance(millis: 1_000)
    #expect(try store.hits(pages, namespace: namespace) == 0)
    #expect(try store.put(pages, namespace: namespace) == [.stored, .stored])
    #expect(try store.hits(pages, namespace: namespace) == 2)
  }

  @Test func stagingThatIsUsedUpIsATypedRefusal() throws {
    var configuration = TestStore.configuration()
    configuration.stagingBytes = 3 << 20
    let store = try TestStore(configuration)
    let namespace = try store.namespace()
    let large = TestPage(chain(10, 1)[0], bytes: 2 << 20)
    let other = TestPage(chain(11, 1)[0], bytes: 2 << 20)
    func order(_ page: TestPage) -> PutOrder {
      PutOrder(
        slice: store.whole([page], namespace), pageBytes: [UInt32(page.bytes.count)],
        checksums: [page.checksum])
    }
    let first = try store.engine.beginPut(order(large))
    #expect(throws: EngineError.stagingExhausted(limit: 3 << 20)) {
      _ = try store.engine.beginPut(order(other))
    }
    store.send([large], first)
    #expect(TestStore.finish(first) == [.stored])
    #expect(try store.put([other], namespace: namespace) == [.stored])
  }
}
