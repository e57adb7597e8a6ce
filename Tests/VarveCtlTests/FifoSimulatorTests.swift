import Testing

@testable import varvectl

struct FifoSimulatorTests {
  private func request(_ runs: [Range<Int>]) -> TraceRequest {
    TraceRequest(number: 0, timeMillis: 0, runs: runs)
  }

  @Test func `Only the unbroken prefix counts as hit`() {
    var cache = FifoSimulator(capacity: nil)
    cache.step(request([0..<4]))
    cache.step(request([0..<2, 9..<10, 2..<4]))
    #expect(cache.hitBlocks == 2)
    #expect(cache.blocks == 9)
  }

  @Test func `The oldest block leaves at the capacity, not one below`() {
    var cache = FifoSimulator(capacity: 3)
    cache.step(request([0..<3]))
    #expect(cache.evictedBlocks == 0)
    cache.step(request([10..<11]))
    #expect(cache.evictedBlocks == 1)
    // 1 and 2 are still there, but their prefix is not.
    cache.step(request([0..<3]))
    #expect(cache.hitBlocks == 0)
    // That put 0 again, and 1 left for it.
    cache.step(request([2..<3]))
    #expect(cache.hitBlocks == 1)
  }

  @Test func `A hit does not make a block younger`() {
    var cache = FifoSimulator(capacity: 2)
    for blocks in [0..<1, 1..<2, 0..<1, 2..<3, 0..<1] { cache.step(request([blocks])) }
    #expect(cache.hitBlocks == 1)
    #expect(cache.evictedBlocks == 2)
  }

  @Test func `It agrees with a naive queue on random requests`() {
    var generator = SplitMix64(state: TestSeed.make())
    for capacity in [1, 2, 7, 50] {
      var cache = FifoSimulator(capacity: capacity)
      var queue: [Int] = []
      var hits = 0
      for _ in 0..<400 {
        let start = Int.random(in: 0..<60, using: &generator)
        let run = start..<start + Int.random(in: 0...9, using: &generator)
        cache.step(request([run]))
        hits += run.prefix { queue.contains($0) }.count
        // What a block's own request pushes out may be asked again later in it: step by step.
        for block in run where !queue.contains(block) {
          queue.append(block)
          if queue.count > capacity { queue.removeFirst() }
        }
      }
      #expect(cache.hitBlocks == hits, "capacity \(capacity)")
    }
  }

  /// Published beside the traces: share of blocks in percent, capacity as a share of the unique.
  @Test(arguments: [
    ("mooncake_conversation", 182_790, 36.6, [(1, 5.0), (5, 17.5), (10, 24.8), (25, 32.6)]),
    ("weka_v8_ci", 23_712, 94.9, [(1, 0.0), (5, 22.4), (10, 51.3), (25, 84.0)]),
    ("lmcache_miniswe", 9_967, 93.5, [(1, 2.0), (5, 47.9), (10, 57.8), (25, 90.0)]),
  ])
  func `Real traces have the published hit rates`(
    name: String, unique: Int, infinite: Double, fifo: [(Int, Double)]
  ) throws {
    guard let path = RealTraces.path(name) else {
      print("skipped: no trace \(name) (VARVE_TRACES names the folder)")
      return
    }
    var caches = fifo.map { FifoSimulator(capacity: unique * $0.0 / 100) }
    var ceiling = FifoSimulator(capacity: nil)
    var seen = Set<Int>()
    let reader = try TraceReader(path: path)
    while let request = try reader.next() {
      ceiling.step(request)
      for index in caches.indices { caches[index].step(request) }
      seen.formUnion(request.blocks)
    }
    #expect(seen.count == unique)
    #expect((ceiling.hitPercent * 10).rounded() == infinite * 10)
    for (index, (share, percent)) in fifo.enumerated() {
      let found = caches[index].hitPercent
      #expect(abs(found - percent) <= 0.1, "\(share) %: \(found)")
    }
  }
}
