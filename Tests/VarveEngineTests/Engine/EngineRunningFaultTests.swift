// One call of a running store fails, whichever it is: seals, flushes, merges, evictions, deletes, a
// capacity that is lowered, a scrub. What was answered stands, and the next start gives it.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct EngineRunningFaultTests {
  /// What the clients were told.
  private struct Told {
    var kept: [TestPage] = []
    var deleted: [TestPage] = []
    var refusals = 0
  }

  private static let stride = 40

  private static func configuration() -> EngineConfiguration {
    var configuration = TestStore.simulation(seed: 5, segments: 40)
    configuration.memtableBytes = 4 << 10
    configuration.shape = IndexShape(sizeRatio: 2, innerRunsMax: 1, lastRunsMax: 1)
    configuration.manifestRollBytes = 400
    return configuration
  }

  private func one(_ page: TestPage, _ namespace: UInt32) -> ChainSlice {
    ChainSlice(namespace: namespace, ids: [page.id], first: 0, count: 1)
  }

  /// Everything a store does in its life, twice over; what is refused is counted.
  private func live(_ store: TestStore, _ namespace: UInt32) -> Told {
    var told = Told()
    func attempt(_ body: () throws -> Void) { do { try body() } catch { told.refusals += 1 } }
    for round in 0..<2 {
      // The first chains are those that the lowered capacity evicts.
      for seed in 1...8 {
        let pages = chain(UInt64(100 * round + seed), 5).map { TestPage($0, bytes: 11_000) }
        attempt {
          let outcomes = try store.put(pages, namespace: namespace)
          // Only what was synced is durable.
          try store.engine.flush()
          guard seed > 5 else { return }
          told.kept += zip(pages, outcomes).filter { $0.1 == .stored }.map(\.0)
        }
        store.engine.indexStep()
      }
      attempt { _ = try store.engine.setCapacity((64 << 10) * UInt64(26 - 2 * round)) }
      attempt { _ = try store.engine.setCapacity((64 << 10) * 40) }
      attempt {
        guard let page = told.kept.last else { return }
        // Not answered, it may be there or not.
        told.kept.removeLast()
        if try store.engine.delete(one(page, namespace)) == 1 { told.deleted.append(page) }
      }
      attempt { _ = try store.namespace("short lived \(round)") }
      attempt { _ = try store.engine.clearNamespace(name: "short lived \(round)") }
      attempt { try store.engine.compact(namespace: nil, indexOnly: false) { _ in true } }
      attempt { _ = try store.engine.scrub(bytesPerSecond: nil) { _ in true } }
      attempt { try store.engine.flush() }
      store.engine.indexStep()
    }
    return told
  }

  @Test(arguments: [Errno.inputOutput, Errno.noSpace])
  func oneFaultAtAnyCallOfARunningStoreLosesNothing(errno: Int32) throws {
    let started = MemoryFileSystem()
    let first = try TestStore(Self.configuration(), files: started, clock: ManualClock())
    let namespace = try first.namespace()
    first.close()
    // A sample of the calls, another one every time; `varvetorture fault` takes all of its own.
    var dice = StoreDice.seeded("runningFault")
    var call = dice.below(Self.stride)
    var refusals = 0
    while true {
      let memory = started.killClone()
      let rules = FaultRules([FaultRule(nil, nth: call, .fail(errno))])
      let armed = Armed(rules)
      let store = try TestStore(
        Self.configuration(), files: FaultyFileSystem(memory, judge: armed), clock: ManualClock())
      armed.isOn.withLock { $0 = true }
      let told = live(store, namespace)
      armed.isOn.withLock { $0 = false }
      refusals += told.refusals
      // A write that cannot be made good ends writing; it never ends reading.
      let said: Comment = "errno \(errno) at call \(call), writable \(store.engine.isWritable)"
      let after = try TestStore(
        Self.configuration(), files: memory.killClone(), clock: ManualClock())
      for (store, when) in [(store, "running"), (after, "after a kill")] {
        for page in told.kept {
          let got = try store.get(one(page, namespace))
          #expect(got.map(\.1) == [page.bytes], "\(said), \(when)")
        }
        for page in told.deleted {
          #expect(try store.get(one(page, namespace)).isEmpty, "\(said), \(when)")
        }
      }
      #expect(try after.engine.brokenInvariant() == nil, said)
      if rules.hitCount == 0 { break }
      call += 1 + dice.below(2 * Self.stride)
    }
    print("runningFault: \(call) calls of one life, \(refusals) refusals")
    // Of the 46 calls of a sample some 15 are refusals, seldom 3.
    #expect(call > 200 && refusals > 0, "\(call) calls, \(refusals) refusals")
  }

  /// Counts and fails calls only while it is on: the start is another test's.
  private final class Armed: FileJudge {
    let rules: FaultRules
    let isOn = Locked(false)

    init(_ rules: FaultRules) { self.rules = rules }

    func judge(_ call: FileCall) -> FaultEffect {
      isOn.withLock { $0 } ? rules.judge(call) : .pass
    }
  }
}
