// One call of a start fails, whichever it is and whatever the start finds damaged: it goes on or
// ends with an error that says why, and the next one gives what it would have given.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct EngineOpeningFaultTests {
  /// A store as a kill leaves it: two sealed segments, a table, a tail; pages deleted in both, a
  /// namespace cleared.
  private struct Killed {
    let disk: MemoryFileSystem
    let configuration: EngineConfiguration
    let namespace: UInt32
    var kept: [TestPage] = []
    var gone: [TestPage] = []

    init() throws {
      configuration = TestStore.simulation(seed: 3, segments: 61)
      let files = MemoryFileSystem()
      let store = try TestStore(configuration, files: files, clock: ManualClock())
      namespace = try store.namespace()
      let other = try store.namespace("other")
      _ = try store.put(chain(90, 2).map { TestPage($0, bytes: 500) }, namespace: other)
      _ = try store.engine.clearNamespace(name: "other")
      for seed in 1...3 {
        let pages = chain(UInt64(seed), 4).map { TestPage($0, bytes: 9000) }
        _ = try store.put(pages, namespace: namespace)
        let last = ChainSlice(namespace: namespace, ids: pages.map(\.id), first: 3, count: 1)
        #expect(try store.engine.delete(last) == 1)
        kept += pages.dropLast()
        gone += pages.suffix(1)
        if seed < 3 { store.engine.log.roll() }
        if seed == 1 { try store.engine.flush() }
        store.engine.indexStep()
      }
      disk = files.killClone()
    }

    /// How many of `pages` are served.
    func served(_ pages: [TestPage], by store: TestStore) throws -> Int {
      guard store.engine.namespace(namespace) != nil else { return 0 }
      return try pages.count { page in
        let slice = ChainSlice(namespace: namespace, ids: [page.id], first: 0, count: 1)
        let got = try store.get(slice)
        #expect(got.allSatisfy { $0.1 == page.bytes })
        return !got.isEmpty
      }
    }
  }

  static let damages = [
    "nothing", "CURRENT", "CURRENT and NAMESPACES", "every namespace table", "a table's bit",
    "a table", "a segment", "a segment's header", "a segment's header and trailer",
    "a segment's trailer", "a footer and CURRENT", "the last batch of the manifest",
    "strays are there", "a small memtable and CURRENT",
  ]

  private func damage(_ what: String, _ disk: MemoryFileSystem) throws {
    let segments = try disk.list("/data/segments").sorted().map { "/data/segments/" + $0 }
    let tables = try disk.list("/data/tables").map { "/data/tables/" + $0 }
    let manifests = try disk.list("/data").filter { $0.hasPrefix("MANIFEST") }.map { "/data/" + $0 }
    func flip(_ path: String, fromEnd bytes: Int) throws {
      disk.flipBit((Int(try disk.size(path)) - bytes) * 8, of: path)
    }
    if what.contains("CURRENT") { try disk.remove("/data/CURRENT") }
    switch what {
    case "CURRENT and NAMESPACES": try disk.remove("/data/NAMESPACES")
    case "every namespace table":
      for path in manifests + ["/data/CURRENT", "/data/NAMESPACES"] { try disk.remove(path) }
    case "a table's bit": disk.flipBit(800, of: tables[0])
    case "a table": try disk.remove(tables[0])
    case "a segment": try disk.remove(segments[0])
    case "a segment's header": disk.flipBit(200, of: segments[2])
    case "a segment's header and trailer":
      disk.flipBit(200, of: segments[1])
      disk.flipBit((SegmentHeader.copyOffset + 20) * 8, of: segments[1])
      try flip(segments[1], fromEnd: 4090)
    case "a segment's trailer": try flip(segments[1], fromEnd: 4090)
    case "a footer and CURRENT": try flip(segments[1], fromEnd: 2 * 4096 - 30)
    case "the last batch of the manifest": try flip(manifests[0], fromEnd: 1)
    case "strays are there":
      for name in ["tables/00000000000000ff.sst", "segments/notes", "segments/0000000000000001"] {
        try disk.writeAll("/data/" + name, [1, 2, 3])
      }
      try disk.writeAll("/data/segments/00000000000000ff.vlog", [1, 2, 3])
    default: break
    }
  }

  /// Makes the index anew where only that can.
  private func rebuild(_ what: String, _ files: any FileSystem) throws(EngineOpenError) {
    guard what == "every namespace table" else { return }
    _ = try Engine.rebuildIndex(
      "/data", files: files, clock: ManualClock(), logger: TestStore.logger, acceptCleared: true)
  }

  /// Opens and closes the store.
  private func start(
    _ what: String, _ configuration: EngineConfiguration, _ files: any FileSystem
  ) throws(EngineOpenError) {
    let clock = ManualClock()
    try rebuild(what, files)
    try Engine.open(
      configuration, files: files, clock: clock, ledger: MemoryLedger(limitBytes: 256 << 20),
      logger: TestStore.logger
    ).close()
  }

  @Test(arguments: damages)
  func oneFaultAtAnyCallOfAStartIsSaidAndOverWithTheNext(what: String) throws {
    let killed = try Killed()
    let disk = killed.disk
    try damage(what, disk)
    var configuration = killed.configuration
    if what.contains("small memtable") { configuration.memtableBytes = 1 }
    func pagesNow(_ files: MemoryFileSystem) throws -> Int {
      try rebuild(what, files)
      let store = try TestStore(configuration, files: files, clock: ManualClock())
      // Of the lost namespace tables the deletes are known, the clear is not.
      #expect(try killed.served(killed.gone, by: store) == 0, "a deleted page came back")
      return try killed.served(killed.kept, by: store)
    }
    let expected = try pagesNow(disk.killClone())
    #expect(expected >= killed.kept.count - 3)
    for errno in [Errno.inputOutput, 13, Errno.noSpace] {
      var call = 0
      while true {
        let files = disk.killClone()
        let rules = FaultRules([FaultRule(nil, nth: call, .fail(errno))])
        var said = "it went on"
        do throws(EngineOpenError) {
          try start(what, configuration, FaultyFileSystem(files, judge: rules))
        } catch { said = "\(error)" }
        if rules.hitCount == 0 { break }
        let found = try pagesNow(files)
        #expect(
          found == expected || (errno == Errno.noSpace && found < expected),
          "errno \(errno) at call \(call): \(found) of \(expected) pages; \(said)")
        call += errno == Errno.inputOutput ? 1 : 3
      }
      #expect(call > 40)
    }
  }
}
