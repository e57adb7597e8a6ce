// Random histories against two stores, one with the fingerprint table and one without: puts,
// deletes, expiry, eviction, flushes, merges and restarts, with every kind of hint, must give equal
// answers.

import Testing
import VarveFile

@testable import VarveBase
@testable import VarveEngine

@Suite struct EngineFingerprintHistoryTests {
  private struct Pair {
    let with: TestStore
    let without: TestStore
    let clock: ManualClock
    let namespaces: [UInt32]

    init(seed: UInt64) throws {
      clock = ManualClock()
      // A little more than the least: eviction sets in early.
      var configuration = TestStore.configuration(capacity: 4 << 20, segment: 64 << 10)
      configuration.memtableBytes = 24 << 10
      configuration.blockCacheBytes = 1
      configuration.minFreeBytes = 0
      configuration.simulation = EngineConfiguration.Simulation(seed: seed)
      with = try TestStore(configuration, clock: clock)
      configuration.hasFingerprints = false
      without = try TestStore(configuration, clock: clock)
      let both = [with, without]
      namespaces = try both.map { try $0.namespace("one") }
      #expect(try both.map { try $0.namespace("two") } == [2, 2])
      #expect(namespaces == [1, 1])
    }

    var both: [TestStore] { [with, without] }
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func equalAnswersWithAndWithoutTheTable(seed: UInt64) throws {
    var random = SeededRandom(seed &* 7919)
    let pair = try Pair(seed: seed)
    let hints = EngineHintTests()
    // Two chains that share a beginning, and a third.
    let trunk = chain(seed, 200)
    let chains = [trunk, Array(trunk[0..<70]) + chain(seed + 100, 90), chain(seed + 200, 120)]
    let lengths = seed % 2 == 0 ? [700] : [700, 1200]
    for step in 0..<160 {
      let sequence = chains[Int.random(in: 0..<3, using: &random)]
      let first = Int.random(in: 0..<sequence.count, using: &random)
      let count = Int.random(in: 1...sequence.count - first, using: &random)
      let hint = EngineHintTests.Hint.allCases.randomElement(using: &random) ?? .right
      let namespace = UInt32.random(in: 1...2, using: &random)
      let slice = hints.slice(sequence, first, count, hint, namespace, &random)
      let note = "seed \(seed), step \(step)"
      switch Int.random(in: 0..<20, using: &random) {
      case 0..<9:
        let pages = slice.asked.map {
          TestPage($0, bytes: lengths[Int($0.word1 % UInt64(lengths.count))])
        }
        // One namespace alone has pages that expire.
        let ttl: UInt64 = namespace == 2 && Bool.random(using: &random) ? 50 : 0
        let outcomes = try pair.both.map { try $0.put(pages, in: slice, ttl: ttl) }
        #expect(outcomes[0] == outcomes[1], "\(note)")
      case 9..<11:
        let few = slice.prefix(min(slice.count, 6))
        let removed = try pair.both.map { try $0.engine.delete(few) }
        #expect(removed[0] == removed[1], "\(note)")
      case 11: pair.clock.advance(millis: 20_000)
      case 12: for store in pair.both { try store.engine.flush() }
      case 13:
        for store in pair.both {
          try store.engine.compact(namespace: nil, indexOnly: true) { _ in true }
        }
      case 14: for store in pair.both { try store.reopen() }
      case 15: for store in pair.both { store.engine.syncStep() }
      default: for store in pair.both { store.engine.indexStep() }
      }
      try compare(pair, slice, note)
      if step % 20 == 19 {
        #expect(try pair.with.engine.brokenInvariant() == nil, "\(note)")
      }
    }
    #expect(pair.with.engine.fingerprints.isOn && !pair.without.engine.fingerprints.isOn)
    #expect(pair.with.engine.liveSegments.first != 1, "nothing was evicted")
    #expect(pair.with.engine.fingerprints.absent.current > 0)
  }

  private func compare(_ pair: Pair, _ slice: ChainSlice, _ note: String) throws {
    let expected = try pair.without.engine.lookup(slice, wantPresent: true, exact: true)
    for store in pair.both {
      for exact in [false, true] {
        let answer = try store.engine.lookup(slice, wantPresent: true, exact: exact)
        #expect(answer == expected, "\(note), exact \(exact)")
        let short = try store.engine.lookup(slice, exact: exact)
        #expect(short.hitPages == expected.hitPages, "\(note), exact \(exact)")
        #expect(short.hitBytes == expected.hitBytes, "\(note), exact \(exact)")
      }
    }
    for sparse in [false, true] {
      let got = try pair.both.map { try $0.get(slice, sparse: sparse) }
      #expect(got[0].map(\.0) == got[1].map(\.0), "\(note), sparse \(sparse)")
      #expect(got[0].map(\.1) == got[1].map(\.1), "\(note), sparse \(sparse)")
      if !sparse { #expect(got[0].count == expected.hitPages, "\(note)") }
    }
  }
}
