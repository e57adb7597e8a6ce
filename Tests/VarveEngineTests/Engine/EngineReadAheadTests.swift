// Reading ahead at look-ups and of gets, in counts: what is in memory costs no job, what is not is
// read once, and a long prefix leaves half of the arena alone.

import Glibc
import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct EngineReadAheadTests {
  private static let pageBytes = 64 << 10

  /// Jobs run where they are submitted: when a look-up returns, its reading ahead is over.
  private func store(
    _ pages: [TestPage], arenaBytes: Int = 4 << 20
  ) throws -> (TestStore, ChainSlice) {
    var configuration = TestStore.configuration()
    configuration.arenaBytes = arenaBytes
    configuration.simulation = EngineConfiguration.Simulation(seed: 1)
    let store = try TestStore(configuration)
    let slice = store.whole(pages, try store.namespace())
    #expect(try store.put(pages, in: slice).allSatisfy { $0 == .stored })
    return (store, slice)
  }

  private func pages(_ count: Int) -> [TestPage] {
    chain(7, count).map { TestPage($0, bytes: Self.pageBytes) }
  }

  private func ahead(_ store: TestStore) -> UInt64 { store.engine.counters.pagesReadAhead.current }

  private func aheadOfGets(_ store: TestStore) -> UInt64 {
    store.engine.counters.pagesReadAheadOfGets.current
  }

  @Test(arguments: [true, false])
  func whatIsHotIsNotReadAgain(exact: Bool) throws {
    let pages = pages(24)
    let (store, slice) = try store(pages)
    let answer = try store.engine.lookup(slice, exact: exact, prefetch: true)
    #expect(answer.hitPages == 24)
    let arena = store.engine.arena
    #expect(ahead(store) == 0 && arena.misses.current == 0 && arena.hits.current == 0)
  }

  @Test(arguments: [true, false])
  func whatIsColdIsReadOnceAndTheGetFindsIt(exact: Bool) throws {
    let pages = pages(24)
    let (store, slice) = try store(pages)
    try store.reopen()
    for _ in 0..<2 {
      #expect(try store.engine.lookup(slice, exact: exact, prefetch: true).hitPages == 24)
    }
    let arena = store.engine.arena
    #expect(ahead(store) == 24 && arena.misses.current == 24)
    #expect(try store.get(pages, namespace: slice.namespace) == pages.map(\.bytes))
    #expect(arena.misses.current == 24 && arena.hits.current == 24)
  }

  @Test func onlyWhatIsMissingIsRead() throws {
    let pages = pages(24)
    let (store, slice) = try store(pages)
    try store.reopen()
    _ = try store.get(Array(pages[8..<16]), namespace: slice.namespace)
    #expect(store.engine.arena.misses.current == 8)
    #expect(try store.engine.lookup(slice, prefetch: true).hitPages == 24)
    #expect(ahead(store) == 16 && store.engine.arena.misses.current == 24)
  }

  @Test func aLookupThatDoesNotAskReadsNothing() throws {
    let (store, slice) = try store(pages(8))
    try store.reopen()
    #expect(try store.engine.lookup(slice).hitPages == 8)
    #expect(ahead(store) == 0 && store.engine.arena.misses.current == 0)
  }

  @Test func halfOfTheArenaIsLeftAlone() throws {
    // The arena is 4 MiB: 32 of 48 pages fill its half.
    let (store, slice) = try store(pages(48))
    try store.reopen()
    #expect(try store.engine.lookup(slice, prefetch: true).hitPages == 48)
    #expect(ahead(store) == 32)
  }

  @Test func aGetThatMustReadIsReadAheadOf() throws {
    let pages = pages(160)
    let (store, slice) = try store(pages, arenaBytes: 32 << 20)
    func batch(_ next: NextPages) -> Int? {
      guard case .made(let batch) = next else { return nil }
      return batch?.pages.count ?? 0
    }
    let hot = try store.engine.beginGet(slice, sparse: false)
    #expect(try batch(hot.nextIfHot(bytesMax: 1 << 20)) == 16)
    #expect(aheadOfGets(store) == 0, "what lies in memory needs no reading")
    try store.reopen()
    let session = try store.engine.beginGet(slice, sparse: false)
    #expect(try batch(session.nextIfHot(bytesMax: 1 << 20)) == nil)
    #expect(aheadOfGets(store) == 0, "the first batch has the disk for itself")
    #expect(try batch(session.read(bytesMax: 1 << 20)) == 16)
    let window = Limits.getAheadBytes / Self.pageBytes
    #expect(aheadOfGets(store) == UInt64(window))
    #expect(try batch(session.nextIfHot(bytesMax: 1 << 20)) == 16)
    #expect(aheadOfGets(store) == 144, "the last step may be short")
    for _ in 0..<8 { #expect(try batch(session.nextIfHot(bytesMax: 1 << 20)) == 16) }
    #expect(try batch(session.nextIfHot(bytesMax: 1 << 20)) == 0)
    #expect(store.engine.arena.misses.current == 160, "each page was read once")
  }

  @Test func nothingIsReadAheadWhereSomebodyWaitsForAThread() throws {
    let pages = pages(160)
    var configuration = TestStore.configuration()
    configuration.arenaBytes = 32 << 20
    let store = try TestStore(configuration)
    let slice = store.whole(pages, try store.namespace())
    #expect(try store.put(pages, in: slice).allSatisfy { $0 == .stored })
    try store.reopen()
    // Arena memory is touched in the background.
    let deadline = SystemClock().monotonicNanos() + 30_000_000_000
    while store.engine.arena.state.peek({ $0.chunkCount }) * Limits.arenaChunkBytes < 32 << 20 {
      try #require(SystemClock().monotonicNanos() < deadline)
      sched_yield()
    }
    let isFree = Monitor(false)
    defer { isFree.update { $0 = true } }
    let io = store.engine.io
    for _ in 0..<configuration.ioThreads + 1 {
      #expect(io.submit { _ = isFree.wait { $0 ? true : nil } })
    }
    while io.queuedCount > 1 {
      try #require(SystemClock().monotonicNanos() < deadline)
      sched_yield()
    }
    let session = try store.engine.beginGet(slice, sparse: false)
    guard case .cold = try session.nextIfHot(bytesMax: 1 << 20) else {
      Issue.record("the store was opened anew")
      return
    }
    guard case .made(let batch) = try session.read(bytesMax: 1 << 20) else {
      Issue.record("there is room")
      return
    }
    #expect(batch?.pages.count == 16)
    #expect(io.queuedCount == 1, "no job was added")
    #expect(aheadOfGets(store) == 0)
  }

  @Test func partsEndAtTheirLimits() {
    func run(_ bytes: [Int]) -> [Location] {
      bytes.map {
        Location(
          segment: 1, offset: 0, rawBytes: UInt32($0), storedBytes: UInt32($0), checksum: 0)
      }
    }
    func counts(_ bytes: [Int]) -> [Int] { ReadAhead.parts(of: run(bytes)).map(\.count) }
    let (most, pages) = (Limits.readAheadJobBytesMax, Limits.getBatchPagesMax)
    #expect(counts([]) == [])
    #expect(counts([most - 1, 1]) == [2])
    #expect(counts([most, 1]) == [1, 1])
    #expect(counts([most + 1, 1, 1]) == [1, 2])
    #expect(counts(Array(repeating: 1, count: pages)) == [pages])
    #expect(counts(Array(repeating: 1, count: pages + 1)) == [pages, 1])
  }
}
