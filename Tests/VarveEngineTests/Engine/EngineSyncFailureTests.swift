// A failed fsync is never retried: what it had to cover leaves the index, nobody is told that it is
// durable, writing goes on; the second within a minute ends writing and nothing else.

import Testing
import VarveBase
import VarveEngine
import VarveFile

@Suite struct EngineSyncFailureTests {
  private struct Failing {
    let memory = MemoryFileSystem()
    let faults: StoreFaults
    let store: TestStore
    let namespace: UInt32
    let safe = chain(21, 10).map { TestPage($0, bytes: 20_000) }
    let risky = chain(22, 10).map { TestPage($0, bytes: 20_000) }
    let clock = ManualClock()

    init() throws {
      faults = StoreFaults(memory)
      store = try TestStore(files: faults, clock: clock)
      namespace = try store.namespace()
      #expect(try store.put(safe, namespace: namespace, durable: true).allSatisfy { $0 == .stored })
    }

    /// A durable put whose sync fails.
    func fail() throws {
      faults.state.update { $0.failSync = true }
      let outcomes = try store.put(risky, namespace: namespace, durable: true)
      #expect(outcomes.allSatisfy { $0 == .dataLoss }, "\(outcomes)")
      faults.state.update { $0.failSync = false }
    }
  }

  @Test func whatAFailedSyncLostIsAbsentAndCanBePutAgain() throws {
    let failing = try Failing()
    let store = failing.store
    try failing.fail()
    try store.engine.flush()
    #expect(store.engine.isWritable)
    #expect(try store.hits(failing.risky, namespace: failing.namespace) == 0)
    #expect(try store.get(failing.safe, namespace: failing.namespace) == failing.safe.map(\.bytes))
    #expect(store.engine.statistics().pages == 10)
    #expect(store.engine.counters.syncPagesLost.current == 10)
    // The tail of the segment is whole on this disk; absent was said, so absent it stays.
    let clone = failing.memory.crashClone(.all)
    let again = try TestStore(store.configuration, files: clone)
    #expect(try again.hits(failing.risky, namespace: failing.namespace) == 0)
    #expect(try again.get(failing.safe, namespace: failing.namespace) == failing.safe.map(\.bytes))
    let outcomes = try store.put(failing.risky, namespace: failing.namespace, durable: true)
    #expect(outcomes.allSatisfy { $0 == .stored })
    let after = try TestStore(store.configuration, files: failing.memory.crashClone(.none))
    #expect(
      try after.get(failing.risky, namespace: failing.namespace) == failing.risky.map(\.bytes))
  }

  /// The word that the lost pages are gone cannot be written either: nothing more is accepted.
  @Test func aLossThatCannotBeNotedEndsWriting() throws {
    let failing = try Failing()
    let store = failing.store
    failing.faults.state.update {
      $0.failSync = true
      $0.diesWithSync = true
    }
    let outcomes = try store.put(failing.risky, namespace: failing.namespace, durable: true)
    #expect(outcomes.allSatisfy { $0 == .dataLoss }, "\(outcomes)")
    #expect(throws: EngineError.self) { try store.engine.flush() }
    #expect(!store.engine.isWritable)
    #expect(try store.get(failing.safe, namespace: failing.namespace) == failing.safe.map(\.bytes))
  }

  @Test func aSecondFailureWithinAMinuteMakesTheStoreReadOnly() throws {
    let failing = try Failing()
    let store = failing.store
    try failing.fail()
    try store.engine.flush()
    failing.clock.advance(millis: Limits.syncFailureNanosMax / 1_000_000 - 1)
    try failing.fail()
    let deadline = SystemClock().monotonicNanos() + 10_000_000_000
    while store.engine.isWritable {
      try #require(SystemClock().monotonicNanos() < deadline, "the store stayed writable")
    }
    #expect(throws: EngineError.self) {
      try store.put(failing.risky, namespace: failing.namespace)
    }
    #expect(try store.get(failing.safe, namespace: failing.namespace) == failing.safe.map(\.bytes))
  }

  @Test func aSecondFailureAfterAMinuteIsAFirstOne() throws {
    let failing = try Failing()
    try failing.fail()
    try failing.store.engine.flush()
    failing.clock.advance(millis: Limits.syncFailureNanosMax / 1_000_000)
    try failing.fail()
    try failing.store.engine.flush()
    #expect(failing.store.engine.isWritable)
  }

  /// A delete whose sync failed was not answered OK; but the next one finds nothing to delete, and
  /// is: by then the first one's word must be on the disk.
  @Test func aDeleteWhoseSyncFailedStaysDeletedOnceAnotherIsAnswered() throws {
    let failing = try Failing()
    let store = failing.store
    let slice = store.whole(failing.safe, failing.namespace)
    failing.faults.state.update { $0.failSync = true }
    #expect(throws: EngineError.self) { try store.engine.delete(slice) }
    failing.faults.state.update { $0.failSync = false }
    #expect(try store.engine.delete(slice) == 0)
    for survival in [CrashSurvival.none, .all] {
      let again = try TestStore(store.configuration, files: failing.memory.crashClone(survival))
      #expect(try again.hits(failing.safe, namespace: failing.namespace) == 0)
    }
  }

  /// A durable put of pages that are there already, unsynced, is not answered by the sync after the
  /// one that lost them.
  @Test func alreadyPresentIsNotDurableWhenTheCopyWasLost() throws {
    let failing = try Failing()
    let store = failing.store
    _ = try store.put(failing.risky, namespace: failing.namespace)
    failing.faults.state.update { $0.failSync = true }
    let order = store.whole(failing.risky, failing.namespace)
    let session = try store.engine.beginPut(
      PutOrder(
        slice: order, pageBytes: failing.risky.map { UInt32($0.bytes.count) },
        checksums: failing.risky.map(\.checksum), durable: true, ttlSeconds: 0, ask: true))
    #expect(throws: EngineError.self) { try store.engine.flush() }
    failing.faults.state.update { $0.failSync = false }
    #expect(TestStore.finish(session).allSatisfy { $0 == .dataLoss })
  }
}
