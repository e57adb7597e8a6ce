// How many pages there are: the same answer however the index is laid out, also after a start that
// reads no record for it.

import Testing
import VarveFile

@testable import VarveBase
@testable import VarveEngine

@Suite struct EngineCountTests {
  /// What is done between the puts and the question, and must not change the answer.
  enum Treatment: CaseIterable {
    case nothing, flushed, compacted, reopened, flushedAndReopened, compactedAndReopened

    func apply(_ store: TestStore) throws {
      switch self {
      case .nothing: break
      case .flushed: try store.engine.flush()
      case .compacted: try store.engine.compact(namespace: nil, indexOnly: true) { _ in true }
      case .reopened: try store.reopen()
      case .flushedAndReopened:
        try store.engine.flush()
        try store.reopen()
      case .compactedAndReopened:
        try store.engine.compact(namespace: nil, indexOnly: true) { _ in true }
        try store.reopen()
      }
    }
  }

  /// Found by the option sets: whether a clear counted pages that had expired depended on merges
  /// and restarts in between.
  @Test(arguments: Treatment.allCases, Treatment.allCases)
  func aClearCountsNoPageThatExpired(before: Treatment, after: Treatment) throws {
    let clock = ManualClock()
    let store = try TestStore(clock: clock)
    let namespace = try store.namespace()
    let lasting = chain(1, 5).map { TestPage($0, bytes: 900) }
    let passing = chain(2, 7).map { TestPage($0, bytes: 1100) }
    _ = try store.put(lasting, namespace: namespace, durable: true)
    _ = try store.put(passing, in: store.whole(passing, namespace), durable: true, ttl: 2)
    try before.apply(store)
    #expect(store.engine.statistics().pages == 12)
    clock.advance(millis: 2000)
    #expect(store.engine.statistics().pages == 5)
    #expect(store.engine.statistics().pageBytes == 5 * 900)
    // Some are put again, over copies that are there and count no more.
    _ = try store.put(Array(passing[..<3]), namespace: namespace, durable: true)
    try after.apply(store)
    #expect(try store.engine.brokenInvariant() == nil)
    #expect(store.engine.statistics().segments.reduce(0) { $0 + $1.pages } == 8)
    #expect(try store.engine.clearNamespace(name: "test") == 8)
  }

  /// A start adds up what the tables carry; no block of records is decoded for it.
  @Test func aStartCountsWithoutReadingRecords() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let pages = chain(1, 400).map { TestPage($0, bytes: 300) }
    for start in stride(from: 0, to: 400, by: 100) {
      let slice = ChainSlice(
        namespace: namespace, ids: pages.map(\.id), first: start, count: 100, atRoot: true)
      _ = try store.put(Array(pages[start..<start + 100]), in: slice, durable: true)
      try store.engine.flush()
    }
    let gone = ChainSlice(
      namespace: namespace, ids: pages.map(\.id), first: 50, count: 20, atRoot: true)
    #expect(try store.engine.delete(gone) == 20)
    try store.engine.flush()
    try store.reopen()
    let counters = store.engine.index.indexCounters
    #expect(counters.blockReads.current == 0)
    #expect(store.engine.statistics().pages == 380)
    #expect(try store.engine.brokenInvariant() == nil)
    #expect(counters.blockReads.current > 0)
  }

  /// Checksums hold and the sum makes no sense: the index is made anew, not believed.
  @Test func countsBelowZeroAreDamage() throws {
    let files = MemoryFileSystem()
    let store = try TestStore(files: files)
    let namespace = try store.namespace()
    let pages = chain(1, 4).map { TestPage($0, bytes: 300) }
    _ = try store.put(pages, namespace: namespace, durable: true)
    try store.engine.flush()
    let engine = store.engine
    // A delete that ends each page twice.
    for page in pages {
      let name = PageName(namespace: namespace, id: page.id)
      let record = try #require(try engine.record(of: name))
      for sequence in 1...2 {
        engine.index.delete([
          (Tombstone(name: name, sequence: UInt64(sequence), place: record.place), record)
        ])
      }
    }
    try engine.flush()
    try store.reopen()
    #expect(store.engine.counters.rebuilds.current == 1)
    #expect(store.engine.statistics().pages == 4)
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
    #expect(try store.engine.brokenInvariant() == nil)
  }
}
