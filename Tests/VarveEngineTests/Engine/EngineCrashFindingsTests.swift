// What a plain crash left, and recovery took for damage: each found by asking that a recovery after
// a crash says nothing at level error.

import Logging
import Testing
import VarveFile

@testable import VarveBase
@testable import VarveEngine

/// Lines at level error and above.
final class ErrorLines: Sendable {
  let lines = Locked<[String]>([])

  var logger: Logger {
    Logger(label: "test") { _ in
      TestLogHandler(from: .error) { line in self.lines.withLock { $0.append(line) } }
    }
  }
}

@Suite struct EngineCrashFindingsTests {
  static var configuration: EngineConfiguration {
    var configuration = TestStore.configuration()
    configuration.simulation = EngineConfiguration.Simulation(seed: 5)
    return configuration
  }

  private func open(_ disk: MemoryFileSystem) throws -> (engine: Engine, errors: [String]) {
    let errors = ErrorLines()
    let engine = try Engine.open(
      Self.configuration, files: disk, clock: ManualClock(),
      ledger: MemoryLedger(limitBytes: 256 << 20), logger: errors.logger)
    return (engine, errors.lines.withLock { $0 })
  }

  /// A full segment has its footer, and the manifest is about to be told.
  private func diskBeforeTheSealIsNoted() throws -> MemoryFileSystem {
    let crashable = CrashableFileSystem()
    let store = try TestStore(Self.configuration, files: crashable.files, clock: ManualClock())
    let pages = chain(3, 6).map { TestPage($0, bytes: 9000) }
    _ = try store.put(pages, namespace: try store.namespace())
    store.engine.syncStep()
    store.engine.log.roll()
    let taken = Locked<MemoryFileSystem?>(nil)
    crashable.watch { disk, call in
      guard call.kind == .write, call.path.contains("MANIFEST") else { return }
      taken.withLock { if $0 == nil { $0 = disk.disk.killClone() } }
    }
    try store.engine.log.sealFull()
    crashable.watch(nil)
    return try #require(taken.withLock { $0 })
  }

  /// Found by the crash run, seed 2: the header of a segment of which nothing was ever synced was
  /// lost, and the file was kept as damaged, its bytes counted for ever.
  @Test func aSegmentThatACrashTookWholeIsNotKeptAsDamaged() throws {
    let files = MemoryFileSystem()
    let store = try TestStore(Self.configuration, files: files, clock: ManualClock())
    let pages = chain(3, 6).map { TestPage($0, bytes: 9000) }
    _ = try store.put(pages, namespace: try store.namespace())
    let disk = files.killClone()
    for model in CrashSurvival.models(seed: 1) {
      let crashed = disk.crashClone(model)
      let (engine, errors) = try open(crashed)
      engine.close()
      #expect(errors.isEmpty, "\(model.name)")
      #expect(try !crashed.list("/data/segments").contains { $0.hasSuffix(".damaged") })
    }
  }

  /// Found by the crash run, seed 2: of a footer and its trailer a crash left the trailer, and
  /// every later start and `verify` spoke of a damaged footer.
  @Test func aFooterThatACrashToreIsMadeAnew() throws {
    let disk = try diskBeforeTheSealIsNoted()
    let path = SegmentFormat.path("/data/segments", 1)
    let listing = try SegmentListing(
      disk, directory: "/data/segments", name: String(path.dropFirst("/data/segments/".count)))
    guard case .sealed(_, let trailer) = listing.state else {
      Issue.record("the segment has no trailer yet")
      return
    }
    disk.flipBit(Int(trailer.footerOffset) * 8, of: path)
    for _ in 0..<2 {
      let (engine, errors) = try open(disk)
      engine.close()
      #expect(errors.isEmpty)
    }
    var dump = FileDump(disk, path: path) { _ in }
    #expect(dump.run() && dump.damages == 0)
  }

  /// Found by the crash run, seed 1: a footer that the killed process had written and not synced
  /// was noted as sealed; the power cut that followed took it, and that was called damage.
  @Test func aFooterFoundAtTheStartIsSyncedBeforeItIsNoted() throws {
    let disk = try diskBeforeTheSealIsNoted()
    // As if the footer's own sync had not happened.
    let path = SegmentFormat.path("/data/segments", 1)
    let unsynced = disk.crashClone(.all)
    let bytes = try unsynced.readAll(path)
    let file = try unsynced.open(path, .readWrite(direct: false))
    try file.truncate(to: UInt64(bytes.count - 2 * Limits.blockBytes))
    try file.sync()
    try file.write(bytes, at: 0)
    let (first, errors) = try open(unsynced)
    #expect(errors.isEmpty)
    first.close()
    let (second, later) = try open(unsynced.crashClone(.none))
    second.close()
    #expect(later.isEmpty)
  }

  /// Found by the crash run, seed 300003: killed before the name of a new segment was synced; the
  /// next start noted the segment as sealed, a power cut took the name, and that was called a loss.
  @Test func aSegmentsNameIsSyncedBeforeItIsNoted() throws {
    let crashable = CrashableFileSystem()
    let store = try TestStore(Self.configuration, files: crashable.files, clock: ManualClock())
    let namespace = try store.namespace()
    let taken = Locked<MemoryFileSystem?>(nil)
    crashable.watch { disk, call in
      guard call.kind == .syncDirectory, call.path.hasSuffix("/segments") else { return }
      taken.withLock { if $0 == nil { $0 = disk.disk.killClone() } }
    }
    _ = try store.put([TestPage(chain(3, 1)[0], bytes: 9000)], namespace: namespace)
    crashable.watch(nil)
    let killed = try #require(taken.withLock { $0 })
    let (first, errors) = try open(killed)
    first.close()
    #expect(errors.isEmpty)
    let (second, later) = try open(killed.crashClone(.none))
    second.close()
    #expect(later.isEmpty)
  }

  /// Found by the crash run, seed 4200009: a memtable held the delete of a page, the tables with
  /// the page were merged after its namespace was dropped and forgot it, and what the next flush
  /// wrote summed up to less than no page of that namespace: the index was made anew.
  @Test func aDeleteOfANamespaceDroppedLaterIsNoDamage() throws {
    var configuration = Self.configuration
    configuration.shape = IndexShape(sizeRatio: 2, innerRunsMax: 1, lastRunsMax: 1)
    let files = MemoryFileSystem()
    let store = try TestStore(configuration, files: files, clock: ManualClock())
    let namespace = try store.namespace("dropped")
    for seed in [3, 4] as [UInt64] {
      _ = try store.put(
        chain(seed, 4).map { TestPage($0, bytes: 900) }, namespace: namespace, durable: false)
      try store.engine.flush()
    }
    let deleted = ChainSlice(namespace: namespace, ids: chain(3, 4), first: 0, count: 4)
    #expect(try store.engine.delete(deleted) == 4)
    _ = try store.engine.dropNamespace(name: "dropped")
    var merges: UInt64
    repeat {
      merges = store.engine.counters.merges.current
      store.engine.indexStep()
    } while store.engine.counters.merges.current > merges
    #expect(store.engine.counters.merges.current > 0)
    try store.engine.flush()
    store.close()
    let (engine, errors) = try open(files)
    #expect(errors.isEmpty)
    #expect(try engine.brokenInvariant() == nil)
    engine.close()
  }
}
