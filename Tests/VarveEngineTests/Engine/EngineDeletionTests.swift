// A page whose delete was answered stays deleted whatever single thing breaks afterwards.

import Testing
import VarveFile

@testable import VarveBase
@testable import VarveEngine

@Suite struct EngineDeletionTests {
  private static let segmentBytes = 64 << 10

  /// Small segments, room for sixty.
  private var configuration: EngineConfiguration {
    var configuration = TestStore.configuration()
    configuration.simulation = EngineConfiguration.Simulation(seed: 9)
    configuration.segmentBytes = UInt32(Self.segmentBytes)
    configuration.manifestBytesReserved = 64 << 10
    configuration.capacityBytes = UInt64((64 << 10) + 60 * Self.segmentBytes)
    configuration.minFreeBytes = 0
    return configuration
  }

  private func isServed(_ store: TestStore, _ namespace: UInt32, _ page: TestPage) throws -> Bool {
    let slice = ChainSlice(namespace: namespace, ids: [page.id], first: 0, count: 1)
    return try store.engine.lookup(slice).hitPages > 0
  }

  /// Found by reasoning: many segments were dropped in one go, a power cut undid the unlinking of
  /// the page's and not of its delete's, and the manifest, which knew, was damaged.
  @Test func aDeletedPageStaysDeletedWhenRemovalsAreUndoneAndTheManifestIsLost() throws {
    let files = MemoryFileSystem()
    let store = try TestStore(configuration, files: files, clock: ManualClock())
    let namespace = try store.namespace()
    let victim = chain(1, 1).map { TestPage($0, bytes: 20_000) }
    /// A segment each.
    func fill(_ seeds: Range<UInt64>) throws {
      for seed in seeds {
        let pages = chain(seed, 1).map { TestPage($0, bytes: 30_000) }
        #expect(try store.put(pages, namespace: namespace) == [.stored])
        store.engine.log.roll()
      }
      try store.engine.flush()
      store.engine.indexStep()
    }
    _ = try store.put(victim, namespace: namespace)
    try fill(2..<5)
    #expect(try store.engine.delete(store.whole(victim, namespace)) == 1)
    try fill(5..<25)
    _ = try store.engine.setCapacity(store.engine.capacityBytesMin)
    #expect(store.engine.counters.segmentsDropped.current > 8)
    for seed in 0..<64 {
      let clone = files.crashClone(.random(seed: UInt64(seed), percent: 50))
      for name in try clone.list("/data") where name == "CURRENT" || name.hasPrefix("MANIFEST") {
        try clone.remove("/data/" + name)
      }
      let again = try TestStore(configuration, files: clone, clock: ManualClock())
      #expect(again.engine.counters.rebuilds.current == 1)
      #expect(try !isServed(again, namespace, victim[0]), "seed \(seed): it came back")
    }
  }

  /// Found by reasoning: a delete that only the tail of the log knows stood in one block.
  @Test func aDeleteIsHeardThoughOneOfItsBlocksIsDamaged() throws {
    let files = MemoryFileSystem()
    let store = try TestStore(files: files)
    let namespace = try store.namespace()
    let pages = chain(1, 3).map { TestPage($0, bytes: 20_000) }
    _ = try store.put(pages, namespace: namespace, durable: true)
    let gone = ChainSlice(namespace: namespace, ids: pages.map(\.id), first: 1, count: 1)
    #expect(try store.engine.delete(gone) == 1)
    let directory = "/data/segments"
    let disk = files.killClone()
    var blocks: [(path: String, offset: UInt64)] = []
    for listing in try SegmentListing.list(disk, directory: directory) {
      let scan = try SegmentScanner(disk, directory: directory).scan(listing)
      for extent in scan.extents where !extent.controls.isEmpty {
        blocks.append((listing.path, extent.position.offset))
      }
    }
    #expect(blocks.count == Limits.controlCopies)
    for (path, offset) in blocks {
      let damaged = disk.killClone()
      damaged.flipBit(Int(offset) * 8 + 77, of: path)
      for _ in 0..<2 {
        let again = try TestStore(store.configuration, files: damaged)
        #expect(try again.hits(pages, namespace: namespace) == 1)
        #expect(try isServed(again, namespace, pages[2]))
        #expect(try !isServed(again, namespace, pages[1]), "it came back")
        again.close()
      }
    }
  }

  /// The segment that holds the delete is lost: the tables know of it.
  @Test func aDeleteThatATableKnowsOutlivesItsSegment() throws {
    let files = MemoryFileSystem()
    let store = try TestStore(configuration, files: files, clock: ManualClock())
    let namespace = try store.namespace()
    let pages = chain(1, 1).map { TestPage($0, bytes: 20_000) }
    _ = try store.put(pages, namespace: namespace)
    store.engine.log.roll()
    #expect(try store.engine.delete(store.whole(pages, namespace)) == 1)
    store.engine.log.roll()
    try store.engine.flush()
    store.engine.indexStep()
    store.close()
    try files.remove(SegmentFormat.path("/data/segments", 2))
    for _ in 0..<2 {
      try store.reopen()
      #expect(try !isServed(store, namespace, pages[0]), "it came back")
    }
  }

  /// Found by the fault run, seed 5: the first extent of a delete was written and the second was
  /// not; the delete was refused, the page was said to be there, and the next start took it away.
  @Test(arguments: [0..<1, 1..<2, 0..<2])
  func aDeleteThatIsInTheLogIsInForce(failing: Range<Int>) throws {
    let writes = FailingWrites()
    let files = FaultyFileSystem(MemoryFileSystem(), judge: writes)
    let store = try TestStore(configuration, files: files, clock: ManualClock())
    let namespace = try store.namespace()
    let page = chain(1, 1).map { TestPage($0, bytes: 20_000) }
    #expect(try store.put(page, namespace: namespace) == [.stored])
    writes.fail(failing)
    if failing == 0..<2 {
      #expect(throws: EngineError.self) { try store.engine.delete(store.whole(page, namespace)) }
      #expect(try isServed(store, namespace, page[0]))
    } else {
      #expect(try store.engine.delete(store.whole(page, namespace)) == 1)
      #expect(try !isServed(store, namespace, page[0]))
    }
    writes.fail(0..<0)
    try store.reopen()
    #expect(try isServed(store, namespace, page[0]) == (failing == 0..<2))
  }

  /// Fails writes to segments, counted from the last call of `fail`.
  private final class FailingWrites: FileJudge {
    private let state = Locked((seen: 0, failing: 0..<0))

    func fail(_ failing: Range<Int>) { state.withLock { $0 = (0, failing) } }

    func judge(_ call: FileCall) -> FaultEffect {
      guard call.kind == .write, call.path.hasSuffix(".vlog") else { return .pass }
      return state.withLock { state in
        defer { state.seen += 1 }
        return state.failing.contains(state.seen) ? .fail(Errno.inputOutput) : .pass
      }
    }
  }
}
