// Puts of pages that fill whole chunks are received into the arena: hot without a copy, and
// whatever becomes of the put, every chunk is found again.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct EngineStagedPutTests {
  private static let chunk = Limits.arenaChunkBytes

  /// A store whose arena (4 MiB, of which puts may hold one) has been touched.
  private func store(files: any FileSystem = MemoryFileSystem()) throws -> TestStore {
    let store = try TestStore(files: files)
    let deadline = SystemClock().monotonicNanos() + 10_000_000_000
    while store.engine.arena.state.peek({ $0.chunkCount }) < 64 {
      try #require(SystemClock().monotonicNanos() < deadline)
    }
    return store
  }

  private func pages(_ seed: UInt64, _ chunks: [Int]) -> [TestPage] {
    zip(chain(seed, chunks.count), chunks).map { TestPage($0, bytes: $1 * Self.chunk) }
  }

  /// Nothing is staged, every chunk is free or holds a page.
  private func checkEven(_ store: TestStore) {
    let arena = store.engine.arena
    #expect(arena.state.peek { $0.stagedChunks } == 0)
    arena.state.peek { $0.checkInvariants() }
  }

  @Test func pagesPutAreHotAndOnTheDisk() throws {
    let store = try store()
    let namespace = try store.namespace()
    let pages = pages(1, [1, 3, 2, 1, 1])
    #expect(try store.put(pages, namespace: namespace) == Array(repeating: .stored, count: 5))
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
    #expect(store.engine.arena.misses.current == 0 && store.engine.arena.hits.current == 5)
    checkEven(store)
    try store.reopen()
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
    #expect(store.engine.arena.misses.current == 5)
  }

  @Test func memoryInPiecesHoldsTheSame() throws {
    let store = try store()
    let namespace = try store.namespace()
    let arena = store.engine.arena
    // Every other chunk stays taken: those that come next are no neighbours.
    let taken = try #require(arena.state.update { $0.stage(16) })
    arena.state.update { $0.unstage(taken.filter { $0 % 2 == 0 }) }
    defer { arena.state.update { $0.unstage(taken.filter { $0 % 2 == 1 }) } }
    for seed in 10..<14 {
      let pages = pages(UInt64(seed), [4, 2])
      #expect(try store.put(pages, namespace: namespace) == [.stored, .stored])
      #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
    }
  }

  @Test func aPageThatIsRefusedLeavesItsRoomToTheNext() throws {
    let store = try store()
    let namespace = try store.namespace()
    let pages = pages(2, [2, 3, 1])
    var checksums = pages.map(\.checksum)
    checksums[1] ^= 1
    let slice = store.whole(pages, namespace)
    #expect(
      try store.put(pages, in: slice, checksums: checksums)
        == [.stored, .checksumMismatch, .stored])
    let got = try store.get(slice, sparse: true)
    #expect(got.map(\.0) == [.present, .missing, .present])
    #expect(got[0].1 == pages[0].bytes && got[2].1 == pages[2].bytes)
    checkEven(store)
  }

  @Test(arguments: [0, 1, 65_536, 65_537, 196_608, 262_143])
  func aPutThatBreaksOffGivesItsChunksBack(sent: Int) throws {
    let store = try store()
    let namespace = try store.namespace()
    let pages = pages(3, [1, 2, 1])
    _ = try store.put(pages, in: store.whole(pages, namespace), bytesSent: sent)
    checkEven(store)
  }

  @Test func aWriteThatFailsGivesItsChunksBack() throws {
    // The first write is the segment's header.
    let rules = FaultRules([FaultRule(.write, path: ".vlog", nth: 1, .fail(Errno.inputOutput))])
    let store = try store(files: FaultyFileSystem(MemoryFileSystem(), judge: rules))
    let namespace = try store.namespace()
    let pages = pages(4, [1, 1])
    #expect(try store.put(pages, namespace: namespace).contains(.stored) == false)
    #expect(rules.hitCount == 1)
    checkEven(store)
    #expect(try store.put(pages, namespace: namespace) == [.stored, .stored])
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
  }

  @Test func pagesBeyondTheirShareOfTheArenaAreCopied() throws {
    let store = try store()
    let namespace = try store.namespace()
    // Two of 1 MiB make an extent of 32 chunks; puts may hold 16.
    let pages = pages(5, [16, 16])
    #expect(try store.put(pages, namespace: namespace) == [.stored, .stored])
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
    checkEven(store)
  }

  @Test func aReaderThatWasFasterKeepsItsCopy() {
    var state = ArenaState()
    state.chunkCount = 16
    state.freeChunks = (0..<16).reversed()
    let location = Location(
      segment: 1, offset: 4096, rawBytes: UInt32(Self.chunk), storedBytes: UInt32(Self.chunk),
      checksum: 1)
    #expect(state.stage(5) == nil)
    let staged = state.stage(4) ?? []
    #expect(staged == [0, 1, 2, 3])
    #expect(state.stage(1) == nil)
    let read = state.insert(location, of: 1, skew: 0)
    state.adopt(location, of: 1, staged[0..<1])
    #expect(state.index[ArenaKey(location)] == read)
    state.unstage(staged[1...])
    #expect(state.stagedChunks == 0)
    state.checkInvariants()
  }
}
