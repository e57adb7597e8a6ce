// A crash of the daemon loses nothing acknowledged; a crash of the machine nothing acknowledged as
// durable; neither brings anything back that was deleted, and neither gives a wrong byte.

import Testing
import VarveBase
import VarveEngine
import VarveFile

@Suite struct EngineRecoveryTests {
  @Test(arguments: [false, true]) func aRestartServesEverything(flushed: Bool) throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let pages = chain(1, 90).map { TestPage($0, bytes: 20_000) }
    _ = try store.put(pages, namespace: namespace)
    if flushed { try store.engine.flush() }
    let gone = ChainSlice(
      namespace: namespace, ids: pages.map(\.id), first: 60, count: 5, atRoot: true)
    #expect(try store.engine.delete(gone) == 5)
    #expect(try store.engine.delete(gone) == 0)
    for _ in 0..<3 {
      try store.reopen()
      #expect(try store.hits(pages, namespace: namespace) == 60)
      let all = try store.get(store.whole(pages, namespace), sparse: true)
      for (index, page) in all.enumerated() {
        #expect(page.0 == ((60..<65).contains(index) ? .missing : .present))
        if page.0 == .present { #expect(page.1 == pages[index].bytes) }
      }
      #expect(store.engine.statistics().pages == 85)
    }
    // What was deleted can be put again, and lives.
    #expect(try store.put(pages, namespace: namespace).filter { $0 == .stored }.count == 5)
    try store.engine.compact(namespace: "test", indexOnly: false) { _ in true }
    try store.reopen()
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
  }

  @Test func aSecondOpenOfALockedDirectoryIsRefused() throws {
    let store = try TestStore()
    #expect(throws: EngineOpenError.self) {
      _ = try TestStore(store.configuration, files: store.files)
    }
  }

  /// What a history of puts and deletes has acknowledged.
  struct Expected {
    var durable: [PageID: TestPage] = [:]
    var volatile: [PageID: TestPage] = [:]
    var deleted: Set<PageID> = []
    var submitted: [PageID: TestPage] = [:]
  }

  /// A seeded history on `store`;.all in it fits the capacity.
  func run(_ store: TestStore, _ namespace: UInt32, _ random: inout SeededRandom) throws -> Expected
  {
    var expected = Expected()
    var chains: [[PageID]] = []
    for step in 0..<30 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<7:
        let ids = chain(random.next() >> 20, Int.random(in: 1...40, using: &random))
        let pages = ids.map { TestPage($0, bytes: Int.random(in: 1...20_000, using: &random)) }
        let durable = Bool.random(using: &random)
        for page in pages { expected.submitted[page.id] = page }
        for (page, outcome) in zip(
          pages, try store.put(pages, namespace: namespace, durable: durable))
        {
          #expect(outcome == .stored, "step \(step)")
          if durable { expected.durable[page.id] = page } else { expected.volatile[page.id] = page }
        }
        chains.append(ids)
      case 7:
        guard let ids = chains.randomElement(using: &random) else { continue }
        let first = Int.random(in: 0..<ids.count, using: &random)
        let slice = ChainSlice(
          namespace: namespace, ids: ids, first: first, count: ids.count - first)
        _ = try store.engine.delete(slice)
        for id in slice.asked {
          expected.deleted.insert(id)
          expected.durable[id] = nil
          expected.volatile[id] = nil
        }
      case 8: try store.engine.flush()
      default: try store.engine.compact(namespace: nil, indexOnly: false) { _ in true }
      }
    }
    return expected
  }

  func check(
    _ store: TestStore, _ namespace: UInt32, _ expected: Expected, keeping acknowledged: [PageID],
    _ note: String
  ) throws {
    let present = Set(
      try expected.submitted.keys.filter { id in
        let slice = ChainSlice(namespace: namespace, ids: [id], first: 0, count: 1)
        let got = try store.get(slice)
        if let page = got.first { #expect(page.1 == expected.submitted[id]?.bytes, "\(note)") }
        #expect(try store.engine.lookup(slice).hitPages == got.count, "\(note)")
        return !got.isEmpty
      })
    #expect(present.isSuperset(of: acknowledged), "\(note): lost")
    #expect(present.isDisjoint(with: expected.deleted), "\(note): came back")
    #expect(store.engine.statistics().pages == UInt64(present.count), "\(note): miscounted")
  }

  /// The process dies: the kernel keeps what was written.
  @Test(arguments: 0..<8) func aKilledDaemonLosesNothingAcknowledged(seed: Int) throws {
    var random = SeededRandom(UInt64(seed) &* 7919 &+ 1)
    let files = MemoryFileSystem()
    let store = try TestStore(TestStore.configuration(capacity: 128 << 20), files: files)
    let namespace = try store.namespace()
    let expected = try run(store, namespace, &random)
    let clone = files.crashClone(.all)
    let again = try TestStore(store.configuration, files: clone)
    let acknowledged = Array(expected.durable.keys) + expected.volatile.keys
    try check(again, namespace, expected, keeping: acknowledged, "seed \(seed)")
  }

  /// The machine dies: what was not synced survives as it likes.
  @Test(arguments: 0..<12) func aPowerCutLosesNothingDurable(seed: Int) throws {
    var random = SeededRandom(UInt64(seed) &* 104_729 &+ 5)
    let files = MemoryFileSystem()
    var configuration = TestStore.configuration(capacity: 128 << 20)
    // Odd seeds: flushed by the background thread every few puts, which nobody synced before.
    if seed % 2 == 1 { configuration.memtableBytes = 8 << 10 }
    let store = try TestStore(configuration, files: files)
    let namespace = try store.namespace()
    let expected = try run(store, namespace, &random)
    let survivals: [CrashSurvival] = [
      .none, .random(seed: UInt64(seed), percent: 10), .random(seed: UInt64(seed), percent: 50),
      .random(seed: UInt64(seed), percent: 90),
    ]
    for survival in survivals {
      let clone = files.crashClone(survival)
      let again = try TestStore(store.configuration, files: clone)
      let note = "seed \(seed), \(survival)"
      try check(again, namespace, expected, keeping: Array(expected.durable.keys), note)
      // Once more: recovery leaves a store that opens again.
      try again.reopen()
      try check(again, namespace, expected, keeping: Array(expected.durable.keys), note)
    }
  }

  /// Flips a bit of the second of `pages` on disk while the store is closed. It lies behind the
  /// first in the first extent, after the segment's header and the extent's.
  func rot(_ files: MemoryFileSystem, _ pages: [TestPage]) throws {
    let name = try #require(try files.list("/data/segments").first)
    files.flipBit((4096 + 4096 + pages[0].bytes.count + 100) * 8, of: "/data/segments/" + name)
  }

  @Test func aPageThatRottedOnDiskIsNeverServedAndCanBePutAgain() throws {
    let files = MemoryFileSystem()
    let store = try TestStore(files: files)
    let namespace = try store.namespace()
    let pages = chain(3, 4).map { TestPage($0, bytes: 9000) }
    _ = try store.put(pages, namespace: namespace, durable: true)
    try store.engine.flush()
    // Two starts: the first seals the segment, the second reads its footer.
    try store.reopen()
    store.close()
    try rot(files, pages)
    try store.reopen()
    let slice = store.whole(pages, namespace)
    #expect(try store.get(slice).map(\.0) == [.present, .dataLoss])
    let deadline = SystemClock().monotonicNanos() + 10_000_000_000
    while store.engine.statistics().quarantinedPages == 0 {
      try #require(SystemClock().monotonicNanos() < deadline, "the page stayed in service")
    }
    #expect(try store.hits(pages, namespace: namespace) == 1)
    let outcomes = try store.put(pages, in: slice)
    #expect(outcomes == [.alreadyPresent, .stored, .alreadyPresent, .alreadyPresent])
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
    try store.reopen()
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
  }

  /// Found when a footer left out the whole extent of a torn page: its neighbours were gone after
  /// the second start.
  @Test func theNeighboursOfATornPageStayThroughTwoStarts() throws {
    let files = MemoryFileSystem()
    let store = try TestStore(files: files)
    let namespace = try store.namespace()
    let pages = chain(3, 4).map { TestPage($0, bytes: 9000) }
    _ = try store.put(pages, namespace: namespace)
    store.close()
    try rot(files, pages)
    for _ in 0..<3 {
      try store.reopen()
      let all = try store.get(store.whole(pages, namespace), sparse: true)
      #expect(all.map(\.0) == [.present, .missing, .present, .present])
      #expect(all[3].1 == pages[3].bytes)
    }
  }

  @Test func aReportOfCorruptionIsBelievedOnlyWhenTheDiskAgrees() throws {
    let files = MemoryFileSystem()
    let store = try TestStore(files: files)
    let namespace = try store.namespace()
    let pages = chain(3, 4).map { TestPage($0, bytes: 9000) }
    _ = try store.put(pages, namespace: namespace, durable: true)
    #expect(try !store.engine.reportCorrupt(namespace, pages[1].id))
    #expect(try !store.engine.reportCorrupt(namespace, chain(99, 1)[0]))
    // Still in the arena, whole; on the disk no longer.
    try rot(files, pages)
    #expect(try store.hits(pages, namespace: namespace) == 4)
    #expect(try store.engine.reportCorrupt(namespace, pages[1].id))
    #expect(try store.hits(pages, namespace: namespace) == 1)
  }
}
