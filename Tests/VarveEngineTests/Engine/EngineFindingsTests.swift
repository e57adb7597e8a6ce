// What the crash, fault and option harnesses found, each as the smallest case that shows it.

import Testing
import VarveBase
import VarveEngine
import VarveFile

@Suite struct EngineFindingsTests {
  /// Found by the crash run, seed 303: the replayed delete took its page back from a count that a
  /// cleared namespace never had, and every start of the store trapped.
  @Test func aDeleteReplayedInAClearedNamespaceDoesNotEndRecovery() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let pages = chain(1, 3).map { TestPage($0, bytes: 900) }
    _ = try store.put(pages, namespace: namespace, durable: true)
    try store.engine.flush()
    #expect(try store.engine.delete(store.whole(pages, namespace)) == 3)
    #expect(try store.engine.clearNamespace(name: "test") == 0)
    try store.reopen()
    #expect(try store.engine.brokenInvariant() == nil)
    #expect(try store.hits(pages, namespace: try store.namespace()) == 0)
  }

  /// A store on `disk`, closed, with three durable pages of 9,000 bytes that are in a table if
  /// `flushed`.
  func closed(_ disk: MemoryFileSystem, flushed: Bool) throws -> [TestPage] {
    let store = try TestStore(files: disk)
    let pages = chain(2, 3).map { TestPage($0, bytes: 9000) }
    _ = try store.put(pages, namespace: try store.namespace(), durable: true)
    if flushed { try store.engine.flush() }
    store.close()
    return pages
  }

  /// Found by the fault run: each of these reads, wrong once, cost pages for good.
  @Test(arguments: [".vlog", "MANIFEST-"], [0, 1, 2, 3, 4, 5])
  func oneBadReadAtTheStartCostsNoPage(path: String, nth: Int) throws {
    for effect in [FaultEffect.flipBit(4099 * 8), .cutShort(100, errno: 0), .flipBit(40 * 8)] {
      let disk = MemoryFileSystem()
      let pages = try closed(disk, flushed: false)
      let rules = FaultRules([FaultRule(.read, path: path, nth: nth, effect)])
      let faulty = FaultyFileSystem(disk, judge: rules)
      do {
        _ = try TestStore(files: faulty)
      } catch {
        // Refusing to start costs nothing: the next start is asked.
      }
      rules.clear()
      let store = try TestStore(files: disk)
      #expect(try store.get(pages, namespace: try store.namespace()) == pages.map(\.bytes))
    }
  }

  /// Found by the fault run, seed 2: a sound page was quarantined because of one read of it.
  @Test func oneBadReadOfAGetQuarantinesNothing() throws {
    let disk = MemoryFileSystem()
    let pages = try closed(disk, flushed: true)
    let sealed = try TestStore(files: disk)
    sealed.close()
    let rules = FaultRules([])
    let bad = FaultRules([FaultRule(.read, path: ".vlog", nth: 0, .flipBit(5000 * 8))])
    let judge = Switched(good: rules, bad: bad)
    let store = try TestStore(files: FaultyFileSystem(disk, judge: judge))
    let namespace = try store.namespace()
    judge.isBad.withLock { $0 = true }
    let slice = store.whole(pages, namespace)
    #expect(try store.get(slice, sparse: true).contains { $0.0 == .dataLoss })
    #expect(bad.hitCount == 1)
    // The quarantine is in the background: it is over when the store is closed.
    try store.reopen()
    #expect(store.engine.statistics().quarantinedPages == 0)
    #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
  }

  /// One judge until the switch is thrown, another behind.
  final class Switched: FileJudge {
    let isBad = Locked(false)
    let good: FaultRules
    let bad: FaultRules

    init(good: FaultRules, bad: FaultRules) {
      self.good = good
      self.bad = bad
    }

    func judge(_ call: FileCall) -> FaultEffect {
      isBad.withLock { $0 } ? bad.judge(call) : good.judge(call)
    }
  }

  /// Two runs of one seed give the same bytes on the disk.
  @Test func oneSeedReproducesARun() throws {
    var disks: [[[UInt8]]] = []
    for _ in 0..<2 {
      let disk = MemoryFileSystem()
      var configuration = TestStore.configuration()
      configuration.simulation = EngineConfiguration.Simulation(seed: 7)
      configuration.memtableBytes = 2 << 10
      let store = try TestStore(configuration, files: disk, clock: ManualClock())
      let namespace = try store.namespace()
      for seed in 0..<6 {
        let pages = chain(UInt64(seed), 5).map { TestPage($0, bytes: 3000) }
        _ = try store.put(pages, namespace: namespace)
        store.engine.indexStep()
      }
      store.engine.syncStep()
      var bytes: [[UInt8]] = []
      for directory in ["/data/segments", "/data/tables", "/data"] {
        for name in try disk.list(directory) where try !disk.isDirectory(directory + "/" + name) {
          bytes.append(Array(name.utf8) + (try disk.readAll(directory + "/" + name)))
        }
      }
      disks.append(bytes)
    }
    #expect(disks[0].count > 5)
    #expect(disks[0] == disks[1])
  }
}
