// Merges beside merges, beside flushes, and against a store that closes; moves of the shape while
// pages come; stalls.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

@Suite struct EngineMergeTests {
  /// A store without threads, memtables of about 25 pages.
  private func store(
    _ change: (inout EngineConfiguration) -> Void = { _ in }
  ) throws -> TestStore {
    var configuration = TestStore.configuration(capacity: 128 << 20)
    configuration.memtableBytes = 16 << 10
    configuration.simulation = EngineConfiguration.Simulation(seed: 1)
    change(&configuration)
    return try TestStore(configuration)
  }

  private func pages(_ seed: UInt64, _ count: Int) -> [TestPage] {
    chain(seed, count).map { TestPage($0, bytes: 100) }
  }

  private func expect(
    _ chains: [[TestPage]], in store: TestStore, _ space: UInt32,
    at location: SourceLocation = #_sourceLocation
  ) throws {
    for pages in chains {
      let answer = try store.engine.lookup(store.whole(pages, space), wantPresent: false)
      #expect(answer.hitPages == pages.count, sourceLocation: location)
    }
    #expect(try store.engine.brokenInvariant() == nil, sourceLocation: location)
  }

  @Test func `while everything is merged, what comes is flushed and merged as well`() throws {
    let store = try store()
    let space = try store.namespace()
    var chains: [[TestPage]] = []
    func put(_ count: Int) throws {
      for _ in 0..<count {
        chains.append(pages(UInt64(chains.count), 64))
        _ = try store.put(chains[chains.count - 1], namespace: space)
        store.engine.indexStep()
      }
    }
    try put(40)
    let before = store.engine.counters.merges.current
    var mostAtOnce = 0
    let isWhole = try store.engine.index.mergeAll { _ in
      #expect(store.engine.index.mergeCount == 1)
      #expect(throws: Never.self) { try put(8) }
      mostAtOnce = max(mostAtOnce, store.engine.index.mergeCount)
      return chains.count < 200
    }
    // Told to stop or not: it had begun, and others went on beside it.
    #expect(store.engine.counters.merges.current > before)
    #expect(mostAtOnce == 1, "the merges beside it were over when the steps returned")
    try expect(chains, in: store, space)
    let tables = store.engine.index.snapshot().tables.count
    #expect(isWhole ? tables < 30 : tables > 1)
    try store.reopen()
    try expect(chains, in: store, space)
  }

  @Test func `a step that is not allowed while everything waits to be merged comes later`() throws {
    let store = try store()
    let space = try store.namespace()
    var chains: [[TestPage]] = []
    for seed in 0..<6 {
      chains.append(pages(UInt64(seed), 64))
      _ = try store.put(chains[seed], namespace: space)
      store.engine.flushStep()
    }
    store.engine.index.merging.update { $0.waiting += 1 }
    #expect(try store.engine.index.mergeOnce() == nil)
    store.engine.index.merging.update { $0.waiting -= 1 }
    #expect(try store.engine.index.mergeOnce() != nil)
    try expect(chains, in: store, space)
  }

  @Test func `a merge ends when the store closes, and leaves everything as it was`() throws {
    let store = try store()
    let space = try store.namespace()
    var chains: [[TestPage]] = []
    for seed in 0..<40 {
      chains.append(pages(UInt64(seed), 64))
      _ = try store.put(chains[seed], namespace: space)
      store.engine.indexStep()
    }
    let before = store.engine.index.snapshot().tables.map(\.number)
    let isWhole = try store.engine.index.mergeAll { _ in
      store.engine.index.stopMerging()
      return true
    }
    #expect(!isWhole && store.engine.index.mergeCount == 0)
    #expect(store.engine.index.snapshot().tables.map(\.number) == before)
    #expect(try store.engine.index.mergeOnce() == nil)
    try store.reopen()
    try expect(chains, in: store, space)
  }

  @Test func `threads merge several at a time under a moving shape`() throws {
    var configuration = TestStore.configuration(capacity: 256 << 20)
    configuration.memtableBytes = 16 << 10
    configuration.mergeThreads = 3
    let store = try TestStore(configuration)
    let space = try store.namespace()
    var random = SeededRandom(7)
    var chains: [[TestPage]] = []
    var longest: UInt64 = 0
    for seed in 0..<300 {
      chains.append(pages(UInt64(seed), 64))
      _ = try store.put(chains[seed], namespace: space)
      guard seed % 10 == 0 else { continue }
      let started = SystemClock().monotonicNanos()
      store.engine.tune(
        IndexTuning(
          sizeRatio: Int.random(in: 2...16, using: &random),
          innerRunsMax: Int.random(in: 1...15, using: &random),
          lastRunsMax: Int.random(in: 1...15, using: &random),
          memtableBytes: Int.random(in: 8 << 10...64 << 10, using: &random),
          filterBitsPerName: Double.random(in: 0...20, using: &random)),
        joining: seed % 20 == 0)
      longest = max(longest, SystemClock().monotonicNanos() - started)
    }
    #expect(longest < 1_000_000_000)
    try store.engine.flush()
    let deadline = SystemClock().monotonicNanos() + 120_000_000_000
    while store.engine.index.mergeCount > 0 || store.engine.counters.merges.current < 10 {
      try #require(SystemClock().monotonicNanos() < deadline, "merges did not come to rest")
    }
    for pages in chains {
      #expect(
        try store.engine.lookup(store.whole(pages, space), wantPresent: false).hitPages == 64)
    }
    let observed = store.engine.indexObservation()
    #expect(observed.putPages == 300 * 64 && observed.mergeWrittenBytes > 0)
    #expect(observed.indexPages >= observed.putPages)
    #expect(observed.runs.reduce(0, +) > 0 && observed.memtableBytesPerPage > 100)
    try store.reopen()
    try expect(chains, in: store, space)
  }

  @Test func `a shape far from the runs there are moves nothing by itself`() throws {
    let store = try store {
      $0.shape = IndexShape(sizeRatio: 16, innerRunsMax: 15, lastRunsMax: 15)
    }
    let space = try store.namespace()
    for seed in 0..<30 {
      _ = try store.put(pages(UInt64(seed), 64), namespace: space)
      store.engine.indexStep()
    }
    let before = store.engine.index.snapshot().tables.map(\.number)
    #expect(before.count > 3)
    let written = store.engine.indexObservation().mergeWrittenBytes
    store.engine.tune(
      IndexTuning(
        shape: IndexShape(sizeRatio: 2, innerRunsMax: 1, lastRunsMax: 1), memtableBytes: 1 << 20,
        filterBitsPerName: 10))
    store.engine.indexStep()
    #expect(store.engine.index.snapshot().tables.map(\.number) == before)
    #expect(store.engine.indexObservation().mergeWrittenBytes == written)
    #expect(store.engine.index.behind == nil)
  }

  @Test func `a move may ask for runs to be joined, which happens once`() throws {
    let store = try store {
      $0.shape = IndexShape(sizeRatio: 16, innerRunsMax: 15, lastRunsMax: 15)
    }
    let space = try store.namespace()
    let chains = (0..<30).map { pages(UInt64($0), 64) }
    for chain in chains {
      _ = try store.put(chain, namespace: space)
      store.engine.indexStep()
    }
    #expect(store.engine.index.snapshot().tables.count > 3)
    store.engine.tune(
      IndexTuning(
        shape: IndexShape(sizeRatio: 16, innerRunsMax: 1, lastRunsMax: 1), memtableBytes: 1 << 20,
        filterBitsPerName: 10),
      joining: true)
    for _ in 0..<8 { store.engine.indexStep() }
    #expect(store.engine.indexObservation().runs.allSatisfy { $0 <= 1 })
    let written = store.engine.indexObservation().mergeWrittenBytes
    #expect(written > 0)
    for _ in 0..<8 { store.engine.indexStep() }
    #expect(store.engine.indexObservation().mergeWrittenBytes == written)
    try expect(chains, in: store, space)
    try store.reopen()
    try expect(chains, in: store, space)
  }

  @Test func `tables whose segments are gone leave unread`() throws {
    // Eight segments of 64 KiB; what is put leaves after half a MiB.
    let store = try store {
      $0.segmentBytes = 64 << 10
      $0.capacityBytes = UInt64(Limits.manifestBytesReserved) + 9 * 64 << 10
      $0.shape = IndexShape(sizeRatio: 16, innerRunsMax: 15, lastRunsMax: 15)
    }
    let space = try store.namespace()
    for seed in 0..<150 {
      _ = try store.put(
        chain(UInt64(seed), 16).map { TestPage($0, bytes: 1000) }, namespace: space)
      store.engine.indexStep()
    }
    let counters = store.engine.index.indexCounters
    #expect(counters.tablesDropped.current > 0)
    #expect(counters.mergeReadBytes.current <= counters.flushedBytes.current)
    let live = try #require(store.engine.liveSegments.first)
    let oldest = try #require(store.engine.index.snapshot().tables.last)
    #expect(oldest.summary.counts.segmentMax >= live)
    #expect(try store.engine.brokenInvariant() == nil)
    try store.reopen()
    #expect(try store.engine.brokenInvariant() == nil)
  }

  @Test func `more runs than any shape wants hold puts back, one fewer does not`() throws {
    let store = try store {
      $0.memtableBytes = 64 << 20
      $0.shape = IndexShape(sizeRatio: 16, innerRunsMax: 15, lastRunsMax: 15)
    }
    let space = try store.namespace()
    let index = store.engine.index
    for seed in 0..<Limits.topRunsMax {
      _ = try store.put(pages(UInt64(seed), 4), namespace: space)
      try store.engine.flush()
    }
    #expect(index.behind == nil)
    _ = try store.put(pages(1000, 4), namespace: space)
    try store.engine.flush()
    #expect(index.behind == .merges)
    #expect(store.engine.indexObservation().stalls == 0)
    _ = try store.put(pages(1001, 4), namespace: space)
    #expect(index.behind == nil && store.engine.indexObservation().stalls == 1)
    #expect(store.engine.counters.stalls.current == 1)
  }

  @Test func `a memtable of twice its size holds puts back`() throws {
    let store = try store()
    let space = try store.namespace()
    var seed: UInt64 = 0
    while store.engine.index.behind == nil {
      _ = try store.put(pages(seed, 8), namespace: space)
      seed += 1
    }
    #expect(store.engine.index.behind == .flush)
    #expect(store.engine.index.snapshot().memtables[0].byteCount >= 32 << 10)
    _ = try store.put(pages(seed, 8), namespace: space)
    #expect(store.engine.index.behind == nil && store.engine.counters.stalls.current == 1)
  }

  @Test func `the budget says how long to wait, none never does`() {
    let free = MergeBudget(bytesPerSecond: nil)
    #expect(free.delayNanos(after: 1 << 30) == 0)
    let bound = MergeBudget(bytesPerSecond: 1_048_576)
    let delay = bound.delayNanos(after: 4 << 20)
    #expect(delay > 2_000_000_000 && delay <= 4_000_000_000)
  }

  @Test func `threads and rates out of their bounds are refused`() {
    var configuration = TestStore.configuration()
    for threads in [0, Limits.mergeThreadsMax + 1] {
      configuration.mergeThreads = threads
      #expect(configuration.problem()?.contains("merge threads") == true)
    }
    for threads in [1, Limits.mergeThreadsMax] {
      configuration.mergeThreads = threads
      #expect(configuration.problem() == nil)
    }
    for rate in [0.0, Limits.mergeBytesPerSecondMin - 1, .nan, .infinity] {
      configuration.mergeBytesPerSecond = rate
      #expect(configuration.problem()?.contains("merge bytes per second") == true)
    }
    for rate in [Limits.mergeBytesPerSecondMin, nil] as [Double?] {
      configuration.mergeBytesPerSecond = rate
      #expect(configuration.problem() == nil)
    }
  }
}
