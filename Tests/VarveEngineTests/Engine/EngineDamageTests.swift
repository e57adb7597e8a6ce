// Damaged and missing segments, a damaged last batch of the manifest, a full disk: the rest is
// served. Each case that was once answered wrongly has its own test.

import Testing
import VarveBase
import VarveEngine
import VarveFile

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

  /// The disk gives the first blocks and nothing behind them: what no table has is absent,
  /// and the start goes on.
  @Test func aTailThatCannotBeReadIsAbsentAndTheStartGoesOn() throws {
    let memory = MemoryFileSystem()
    let faults = StoreFaults(memory)
    let store = try TestStore(files: faults)
    let namespace = try store.namespace()
    let pages = chain(1, 8).map { TestPage($0, bytes: 30_000) }
    _ = try store.put(pages, namespace: namespace, durable: true)
    store.close()
    faults.state.update { $0.failReadsFrom = 64 << 10 }
    try store.reopen()
    #expect(store.engine.counters.recoverySegmentsLost.current == 1)
    #expect(try store.hits(pages, namespace: namespace) == 0)
    let more = chain(2, 2).map { TestPage($0, bytes: 3000) }
    #expect(try store.put(more, namespace: namespace).allSatisfy { $0 == .stored })
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
