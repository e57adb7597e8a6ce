// Whatever is lost but the segments and one namespace table is made anew, by itself, and said; what
// a rebuild cannot know ends the start with the command that can.

import Logging
import Testing
import VarveBase
import VarveEngine
import VarveFile

@Suite struct EngineRebuildTests {
  /// A store at rest: three chains, some pages deleted, one namespace cleared, tables and a tail.
  struct History {
    let files = MemoryFileSystem()
    let store: TestStore
    let namespace: UInt32
    let pages: [TestPage]
    let deleted: ArraySlice<TestPage>
    let cleared: [TestPage]

    init() throws {
      store = try TestStore(files: files)
      namespace = try store.namespace()
      let other = try store.namespace("other")
      cleared = chain(7, 10).map { TestPage($0, bytes: 9000) }
      _ = try store.put(cleared, namespace: other, durable: true)
      #expect(try store.engine.clearNamespace(name: "other") == 10)
      var pages: [TestPage] = []
      for seed in 1...3 {
        let more = chain(UInt64(seed), 40).map { TestPage($0, bytes: 100_000) }
        _ = try store.put(more, namespace: namespace, durable: true)
        pages += more
        if seed == 2 { try store.engine.flush() }
      }
      let gone = ChainSlice(
        namespace: namespace, ids: pages[80...].map(\.id), first: 30, count: 5, atRoot: true)
      #expect(try store.engine.delete(gone) == 5)
      deleted = pages[110..<115]
      self.pages = pages
      store.close()
    }

    /// Every page that was not deleted is there with its bytes, nothing else is.
    func check(_ note: String) throws {
      for seed in 0..<3 {
        let part = Array(pages[seed * 40..<seed * 40 + 40])
        let got = try store.get(store.whole(part, namespace), sparse: true)
        for (page, answer) in zip(part, got) {
          let isGone = deleted.contains(page)
          #expect(answer.0 == (isGone ? .missing : .present), "\(note)")
          if !isGone { #expect(answer.1 == page.bytes, "\(note)") }
        }
      }
      let other = try store.namespace("other")
      #expect(try store.hits(cleared, namespace: other) == 0, "\(note): cleared pages came back")
      #expect(store.engine.statistics().pages == 115, "\(note): miscounted")
    }

    func flip(_ path: String, byte: Int) { files.flipBit(byte * 8, of: path) }
    func name(_ folder: String, _ index: Int) throws -> String {
      let path = "/data/" + folder
      return path + "/" + (try files.list(path))[index]
    }
  }

  @Test(arguments: ["CURRENT", "MANIFEST", "both", "table", "every table", "flipped table"])
  func whatIsLostIsMadeAnewFromTheSegments(what: String) throws {
    let history = try History()
    let files = history.files
    let manifest = try #require(try files.list("/data").first { $0.hasPrefix("MANIFEST") })
    switch what {
    case "CURRENT": try files.remove("/data/CURRENT")
    case "MANIFEST": try files.remove("/data/" + manifest)
    case "both":
      try files.remove("/data/CURRENT")
      try files.remove("/data/" + manifest)
    case "flipped table": history.flip(try history.name("tables", 0), byte: 100)
    default: for name in try files.list("/data/tables") { try files.remove("/data/tables/" + name) }
    }
    for round in 0..<2 {
      try history.store.reopen()
      #expect(history.store.engine.counters.rebuilds.current == (round == 0 ? 1 : 0))
      try history.check("\(what), start \(round)")
    }
  }

  @Test func aLostCopyOfTheNamespacesIsMadeAnewFromTheManifest() throws {
    let history = try History()
    try history.files.remove("/data/NAMESPACES")
    try history.store.reopen()
    try history.check("no copy")
    #expect(try history.files.exists("/data/NAMESPACES"))
  }

  /// A manifest that nobody names is still a namespace table.
  @Test func theNewestManifestStandsInForCurrentAndTheCopy() throws {
    let history = try History()
    try history.files.remove("/data/NAMESPACES")
    try history.files.remove("/data/CURRENT")
    try history.store.reopen()
    try history.check("manifest without CURRENT")
  }

  @Test func withBothNamespaceTablesLostTheStartEndsAndNamesTheCommand() throws {
    let history = try History()
    for name in try history.files.list("/data")
    where name.hasPrefix("MANIFEST") || name == "NAMESPACES" || name == "CURRENT" {
      try history.files.remove("/data/" + name)
    }
    let error = #expect(throws: EngineOpenError.self) { try history.store.reopen() }
    guard case .damaged(let path, let what)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(path == "/data/NAMESPACES")
    #expect(what.contains("varvectl rebuild-index /data --accept-cleared"))
    #expect(what.contains("come back"))
    // Without leave the command refuses as well; with it the names come from the footers.
    #expect(throws: EngineOpenError.self) { _ = try rebuild(history, acceptCleared: false) }
    let report = try rebuild(history, acceptCleared: true)
    #expect(report.namespaces.contains("test"))
    #expect(report.pages >= 115)
    try history.store.reopen()
    #expect(history.store.engine.counters.rebuilds.current == 0)
    let part = Array(history.pages[0..<40])
    #expect(try history.store.get(part, namespace: history.namespace) == part.map(\.bytes))
  }

  private func rebuild(_ history: History, acceptCleared: Bool) throws -> RebuildReport {
    try Engine.rebuildIndex(
      "/data", files: history.files, clock: SystemClock(), logger: TestStore.logger,
      acceptCleared: acceptCleared)
  }

  @Test func aRebuildOnDemandGivesTheSameStore() throws {
    let history = try History()
    let report = try rebuild(history, acceptCleared: false)
    #expect(report.pages == 115)
    #expect(report.namespaces.sorted() == ["other", "test"])
    #expect(report.segmentsLost == 0)
    try history.store.reopen()
    try history.check("rebuilt")
  }

  /// Rebuilding writes tables on the way when the memtable is full, and may be cut off anywhere.
  @Test func aRebuildLargerThanTheMemtableFlushesAsItGoes() throws {
    let history = try History()
    history.store.configuration.memtableBytes = 8 << 10
    try history.files.remove("/data/CURRENT")
    try history.store.reopen()
    #expect(try !history.files.list("/data/tables").isEmpty)
    try history.check("small memtable")
    try history.store.reopen()
    try history.check("small memtable, again")
  }
}
