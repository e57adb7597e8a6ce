// Damaged and missing segments, a damaged last batch of the manifest, a full disk: the rest is
// served. Each case that was once answered wrongly has its own test.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct EngineDamageTests {
  private struct Sealed {
    let files: MemoryFileSystem
    let store: TestStore
    let namespace: UInt32
    let pages: [TestPage]

    /// Several sealed segments and one open, all pages durable.
    init(files: MemoryFileSystem = MemoryFileSystem(), pages count: Int = 96) throws {
      self.files = files
      store = try TestStore(files: files)
      namespace = try store.namespace()
      pages = chain(11, count).map { TestPage($0, bytes: 120_000) }
      let outcomes = try store.put(pages, namespace: namespace, durable: true)
      #expect(outcomes.allSatisfy { $0 == .stored })
      try store.engine.flush()
      try store.reopen()
      store.close()
    }

    func segment(_ index: Int) throws -> String {
      let names = try files.list("/data/segments").filter { $0.hasSuffix(".vlog") }
      return "/data/segments/" + names[index]
    }

    /// How many pages are served; each with its own bytes.
    func served() throws -> Int {
      let got = try store.get(store.whole(pages, namespace), sparse: true)
      for (page, answer) in zip(pages, got) where answer.0 == .present {
        #expect(answer.1 == page.bytes)
      }
      return got.filter { $0.0 == .present }.count
    }
  }

  @Test func aMissingSegmentIsCountedAndTheRestIsServed() throws {
    let sealed = try Sealed()
    try sealed.files.remove(try sealed.segment(1))
    try sealed.store.reopen()
    #expect(sealed.store.engine.counters.recoverySegmentsLost.current == 1)
    let lost = Int(sealed.store.engine.counters.recoveryPagesLost.current)
    #expect(lost > 0)
    #expect(try sealed.served() == sealed.pages.count - lost)
    // What is absent can be put again.
    _ = try sealed.store.put(sealed.pages, namespace: sealed.namespace)
    #expect(try sealed.served() == sealed.pages.count)
  }

  /// Found when a flipped bit of the version in a segment's header ended the start as an unknown
  /// version.
  @Test func aFlippedVersionIsDamageAndNotAnotherRelease() throws {
    let sealed = try Sealed()
    sealed.files.flipBit(8 * 8 + 1, of: try sealed.segment(0))
    try sealed.store.reopen()
    #expect(try sealed.served() == sealed.pages.count, "the trailer repeats what the header says")
  }

  @Test func aSegmentOfTheOtherByteOrderEndsTheStart() throws {
    let sealed = try Sealed()
    let path = try sealed.segment(0)
    var bytes = try sealed.files.readAll(path)
    bytes[12...15].reverse()
    try sealed.files.remove(path)
    try sealed.files.writeAll(path, bytes)
    let error = #expect(throws: EngineOpenError.self) { try sealed.store.reopen() }
    #expect("\(String(describing: error))".contains("other byte order"))
  }

  /// An unsealed segment of eight pages as a kill leaves it, no table having any.
  private func tail() throws -> (MemoryFileSystem, UInt32, [TestPage]) {
    let memory = MemoryFileSystem()
    let store = try TestStore(files: memory)
    let namespace = try store.namespace()
    let pages = chain(1, 8).map { TestPage($0, bytes: 30_000) }
    for page in pages {
      let slice = ChainSlice(namespace: namespace, ids: [page.id], first: 0, count: 1)
      _ = try store.put([page], in: slice, durable: true)
    }
    return (memory.killClone(), namespace, pages)
  }

  private func hits(_ pages: [TestPage], _ namespace: UInt32, _ store: TestStore) throws -> Int {
    try pages.count { page in
      try store.hits([page], namespace: namespace) == 1
    }
  }

  /// The disk gives the first blocks and nothing behind them: what lies there is absent, what lies
  /// before is served, and the start goes on. (One bad block once cost its whole segment.)
  @Test func aTailThatCannotBeReadIsAbsentAndTheStartGoesOn() throws {
    let (memory, namespace, pages) = try tail()
    let faults = StoreFaults(memory)
    faults.state.update { $0.failReadsFrom = 128 << 10 }
    let store = try TestStore(files: faults)
    #expect(store.engine.counters.recoverySegmentsLost.current == 0)
    #expect(try hits(pages, namespace, store) == 3)
    let more = chain(2, 2).map { TestPage($0, bytes: 3000) }
    #expect(try store.put(more, namespace: namespace).allSatisfy { $0 == .stored })
    faults.state.update { $0.failReadsFrom = nil }
    try store.reopen()
    #expect(try hits(pages, namespace, store) == 3)
    #expect(try store.get(more, namespace: namespace) == more.map(\.bytes))
  }

  /// A segment that cannot even be opened is absent until a start can; one failure is no failure.
  @Test(arguments: [1, 2])
  func aSegmentThatCannotBeOpenedIsAbsent(times: Int) throws {
    let (memory, namespace, pages) = try tail()
    let segment = try #require(try memory.list("/data/segments").first)
    // The first opening is the listing's, the next are the scan's.
    let rules = FaultRules([
      FaultRule(.open, path: segment, nth: 1, times: times, .fail(Errno.inputOutput))
    ])
    let store = try TestStore(files: FaultyFileSystem(memory, judge: rules))
    #expect(rules.hitCount == times)
    #expect(store.engine.counters.recoverySegmentsLost.current == UInt64(times - 1))
    #expect(try hits(pages, namespace, store) == (times == 1 ? 8 : 0))
    try store.reopen()
    #expect(try hits(pages, namespace, store) == 8)
  }

  /// Dropped is dropped: the file of a segment that is put back under its old name goes again.
  @Test func theFileOfADroppedSegmentIsRemovedAgain() throws {
    let sealed = try Sealed()
    let path = try sealed.segment(0)
    let bytes = try sealed.files.readAll(path)
    sealed.store.configuration.capacityBytes = 32 << 20
    try sealed.store.reopen()
    let more = chain(12, 200).map { TestPage($0, bytes: 120_000) }
    _ = try sealed.store.put(more, namespace: sealed.namespace)
    try #require(try !sealed.files.exists(path))
    let served = try sealed.served()
    sealed.store.close()
    try sealed.files.writeAll(path, bytes)
    try sealed.store.reopen()
    #expect(try !sealed.files.exists(path))
    #expect(try sealed.served() == served)
  }

  /// Names that count on to nowhere: left alone, and no start traps on them.
  @Test func filesOfTheLastNumberAreNobodys() throws {
    let sealed = try Sealed(pages: 8)
    let last = String(repeating: "f", count: 16)
    let names = ["segments/\(last).vlog", "tables/\(last).sst", "MANIFEST-\(last)"]
    for name in names { try sealed.files.writeAll("/data/" + name, [1, 2, 3]) }
    for _ in 0..<2 {
      try sealed.store.reopen()
      #expect(try sealed.served() == 8)
      sealed.store.close()
      try sealed.files.remove("/data/CURRENT")
    }
    for name in names { #expect(try sealed.files.exists("/data/" + name), "\(name)") }
  }

  /// Nothing can be written, and what would make room cannot be removed: the start says which file.
  @Test func aFullDiskThatGivesNothingBackEndsTheStart() throws {
    let sealed = try Sealed(pages: 8)
    let rules = FaultRules([
      FaultRule(.create, path: "MANIFEST", .fail(Errno.noSpace)),
      FaultRule(.remove, path: ".vlog", .fail(13)),
    ])
    let faulty = FaultyFileSystem(sealed.files, judge: rules)
    let error = #expect(throws: EngineOpenError.self) {
      _ = try TestStore(sealed.store.configuration, files: faulty)
    }
    guard case .io(let path, let what)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(path == (try sealed.segment(0)) && what.contains("Permission denied"), "\(what)")
    try sealed.store.reopen()
    #expect(try sealed.served() == 8)
  }

  /// More deletes in one table than go to the fingerprints at a time.
  @Test func manyDeletesInATableAreInForceAfterAStart() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let pages = chain(7, FingerprintTable.batchMax + 40).map { TestPage($0, bytes: 40) }
    _ = try store.put(pages, namespace: namespace)
    try store.engine.flush()
    let gone = ChainSlice(
      namespace: namespace, ids: pages.map(\.id), first: 20, count: pages.count - 20)
    #expect(try store.engine.delete(gone) == UInt64(pages.count - 20))
    try store.engine.flush()
    try store.reopen()
    #expect(try store.hits(pages, namespace: namespace) == 20)
    #expect(store.engine.statistics().pages == 20)
  }

  /// Header and trailer lost: kept aside under a name that no start reads, its pages absent.
  @Test func aSegmentWithoutHeaderAndTrailerIsSetAside() throws {
    let sealed = try Sealed()
    let path = try sealed.segment(0)
    let size = Int(try sealed.files.size(path))
    sealed.files.flipBit(100, of: path)
    sealed.files.flipBit(SegmentHeader.copyOffset * 8 + 100, of: path)
    sealed.files.flipBit((size - 4096) * 8 + 100, of: path)
    try sealed.store.reopen()
    #expect(sealed.store.engine.counters.recoverySegmentsLost.current == 1)
    #expect(try sealed.files.exists(path + ".damaged"))
    let lost = Int(sealed.store.engine.counters.recoveryPagesLost.current)
    #expect(try sealed.served() == sealed.pages.count - lost)
    try sealed.store.reopen()
    #expect(try sealed.served() == sealed.pages.count - lost)
  }

  /// The disk refuses one block for good: a get and a scrub lose what lies in it and no more.
  /// (A scrub once gave up the whole segment for an extent's header, and took every page that was
  /// read along with the block for bad.)
  @Test func aBadBlockCostsAGetAndAScrubOnePage() throws {
    let sealed = try Sealed()
    let path = try sealed.segment(0)
    let listing = try SegmentListing(
      sealed.files, directory: "/data/segments", name: String(path.split(separator: "/")[2]))
    let extent = try #require(
      try SegmentScanner(sealed.files, directory: "/data/segments").scan(listing).extents
        .first { $0.pages.count > 4 })
    let middle = UInt64(extent.pages[2].location.offset) + 60_000
    for (place, pagesLost, headersBad) in [(middle, 1, 0), (extent.position.offset, 0, 1)] {
      let block = place / 4096 * 4096
      let judge = BadBlocks(path: path, bytes: block..<block + 4096)
      let store = try TestStore(
        sealed.store.configuration, files: FaultyFileSystem(sealed.files, judge: judge))
      let got = try store.get(store.whole(sealed.pages, sealed.namespace), sparse: true)
      for (page, answer) in zip(sealed.pages, got) where answer.0 == .present {
        #expect(answer.1 == page.bytes)
      }
      #expect(got.count { $0.0 != .present } == pagesLost)
      let counts = try store.engine.scrub(bytesPerSecond: nil) { _ in true }
      #expect(counts.pagesChecked == UInt64(sealed.pages.count))
      #expect(counts.pagesBad == UInt64(pagesLost) && counts.headersBad == UInt64(headersBad))
      store.close()
    }
  }

  @Test func aLostTrailerIsMadeAnewFromTheExtents() throws {
    let sealed = try Sealed()
    let path = try sealed.segment(0)
    sealed.files.flipBit((Int(try sealed.files.size(path)) - 4096) * 8 + 100, of: path)
    for _ in 0..<2 {
      try sealed.store.reopen()
      #expect(try sealed.served() == sealed.pages.count)
    }
  }

  /// Found when a damaged last batch of the manifest made the start remove the newest segment as
  /// one that nobody knew.
  @Test func aSegmentThatTheManifestLostIsTakenBack() throws {
    let sealed = try Sealed()
    try sealed.store.reopen()
    let more = chain(12, 8).map { TestPage($0, bytes: 50_000) }
    _ = try sealed.store.put(more, namespace: sealed.namespace, durable: true)
    sealed.store.close()
    // The last batch is the one that made the new segment known.
    let manifest = try #require(
      try sealed.files.list("/data").first { $0.hasPrefix("MANIFEST") })
    let path = "/data/" + manifest
    sealed.files.flipBit((Int(try sealed.files.size(path)) - 1) * 8, of: path)
    try sealed.store.reopen()
    #expect(try sealed.served() == sealed.pages.count)
    #expect(try sealed.store.get(more, namespace: sealed.namespace) == more.map(\.bytes))
  }

  /// Found when the same damage lost a namespace, whose id then went to another name with all the
  /// pages in it; and when it brought a cleared namespace back.
  @Test func aNamespaceThatTheManifestLostComesFromTheCopy() throws {
    let files = MemoryFileSystem()
    let store = try TestStore(files: files)
    let first = try store.namespace("first")
    let pages = chain(1, 4).map { TestPage($0, bytes: 5000) }
    _ = try store.put(pages, namespace: first, durable: true)
    _ = try store.namespace("second")
    store.close()
    func damage() throws {
      let manifest = try #require(try files.list("/data").first { $0.hasPrefix("MANIFEST") })
      let path = "/data/" + manifest
      files.flipBit((Int(try files.size(path)) - 1) * 8, of: path)
    }
    try damage()
    try store.reopen()
    #expect(store.engine.namespaces().map(\.name).sorted() == ["first", "second"])
    #expect(try store.engine.clearNamespace(name: "first") == 4)
    store.close()
    try damage()
    try store.reopen()
    let again = try store.namespace("first")
    #expect(again != first)
    #expect(try store.hits(pages, namespace: again) == 0)
    #expect(store.engine.statistics().pages == 0)
  }

  /// A disk that others filled: the start needs a few KiB and takes them from the oldest segment;
  /// reads go on, puts are refused while less than `min_free` is left.
  @Test func aFullDiskStartsServesReadsAndRefusesPuts() throws {
    let files = MemoryFileSystem(totalBytes: 64 << 20)
    let sealed = try Sealed(files: files)
    try files.writeAll(
      "/ballast", [UInt8](repeating: 1, count: Int(try files.freeBytes("/data"))))
    #expect(try files.freeBytes("/data") == 0)
    try sealed.store.reopen()
    let served = try sealed.served()
    #expect(served > 0 && served < sealed.pages.count)
    #expect(try files.freeBytes("/data") >= 64 << 20 / 100 * Limits.minFreePercent)
    let more = chain(12, 1).map { TestPage($0, bytes: 50_000) }
    sealed.store.configuration.minFreeBytes = 1 << 40
    try sealed.store.reopen()
    #expect(try sealed.store.put(more, namespace: sealed.namespace) == [.noSpace])
  }
}
