// Whether calls wait while T, K and Z move: the same load with a shape that stands and with one
// that is moved four times a second, in turns, every call's time taken.

import Foundation
import VarveBase
import VarveEngine
import VarveFile

struct ShapeMoves {
  private static let chains = 1024
  private static let rounds = 3
  private static let roundSeconds = 3.0
  private static let moveSeconds = 0.25
  private static let putPages = 8
  private static let pauseMillis = 10.0
  let directory: String

  /// Milliseconds of calls.
  private struct Times {
    var all: [Double] = []

    var most: Double { all.max() ?? 0 }
    var pauses: Int { all.count { $0 > ShapeMoves.pauseMillis } }
  }

  private struct Round {
    var lookups = Times()
    var puts = Times()
    var moves = Times()

    mutating func add(_ other: Round) {
      lookups.all += other.lookups.all
      puts.all += other.puts.all
      moves.all += other.moves.all
    }
  }

  func run(_ tell: (Figure) -> Void) throws {
    var configuration = IndexStore.configuration(directory, blockCacheBytes: 16 << 20)
    // Flushes and merges all the time, so that every move finds some under way.
    configuration.memtableBytes = 256 << 10
    let store = try IndexStore(configuration)
    defer { store.engine.close() }
    try store.put(chains: Self.chains)
    var still = Round()
    var moving = Round()
    let merges = store.counter("merges_total")
    for round in 0..<Self.rounds {
      still.add(try self.round(store, moves: false, first: 2 * round))
      moving.add(try self.round(store, moves: true, first: 2 * round + 1))
    }
    let merged = store.counter("merges_total") - merges
    func figure(_ name: String, _ value: Double, most: Double? = nil, _ note: String) {
      tell(Figure(bench: "index", name: name, value: value, unit: "ms", most: most, note: note))
    }
    figure(
      "longest call that moves T, K and Z", moving.moves.most, most: Self.pauseMillis,
      "\(moving.moves.all.count) moves beside the load, \(merged) merges")
    for (name, part) in [("look-up", \Round.lookups), ("put", \Round.puts)] {
      let (moved, stood) = (moving[keyPath: part], still[keyPath: part])
      figure(
        "longest \(name) while T, K and Z move", moved.most,
        String(
          format: "%d of %d over 10 ms; while they stand: longest %.2f ms, %d of %d over 10 ms",
          moved.pauses, moved.all.count, stood.most, stood.pauses, stood.all.count))
    }
  }

  private func round(_ store: IndexStore, moves: Bool, first: Int) throws -> Round {
    let end = SystemClock().monotonicNanos() + UInt64(Self.roundSeconds * 1e9)
    let result = Locked(Round())
    let failure = Locked<Failure?>(nil)
    func caller(_ name: String, _ body: @escaping @Sendable () throws -> Void) -> NamedThread {
      NamedThread(name) {
        do { try body() } catch {
          failure.withLock { $0 = error as? Failure ?? Failure("\(error)") }
        }
      }
    }
    let prober = caller("probe") {
      var dice = SplitMix(seed: UInt64(first) + 1)
      let slices = (0..<64).map { _ in
        store.slice(IndexStore.ids(dice.below(Self.chains)), atRoot: true)
      }
      let times = try Self.times(until: end) { number in
        guard try store.hits(slices[number % slices.count]) == IndexStore.chainPages else {
          throw Failure("a look-up found other pages than were put")
        }
      }
      result.withLock { $0.lookups = times }
    }
    let putter = caller("put") {
      let page = [UInt8](repeating: 7, count: 256)
      let checksum = XXH3.hash(page)
      // Chains that no round and no figure has put.
      let base = 1 << 40 | first << 32
      let times = try Self.times(until: end) { number in
        let ids = BenchChain.ids(seed: UInt64(base + number), Self.putPages)
        try store.put(ids, page: page, checksum: checksum)
      }
      result.withLock { $0.puts = times }
    }
    if moves {
      var number = 0
      let times = try Self.times(until: end) { _ in
        let tuning = store.engine.tuning
        let shape = TunerBench.shapes[number % TunerBench.shapes.count]
        number += 1
        store.engine.tune(
          IndexTuning(
            shape: shape, memtableBytes: tuning.memtableBytes,
            filterBitsPerName: tuning.filterBitsPerName))
      } between: {
        Thread.sleep(forTimeInterval: Self.moveSeconds)
      }
      result.withLock { $0.moves = times }
    }
    prober.join()
    putter.join()
    if let failure = failure.withLock({ $0 }) { throw failure }
    return result.withLock { $0 }
  }

  private static func times(
    until end: UInt64, _ call: (Int) throws -> Void, between: () -> Void = {}
  ) throws -> Times {
    let clock = SystemClock()
    var times = Times()
    while true {
      let before = clock.monotonicNanos()
      guard before < end else { return times }
      try call(times.all.count)
      times.all.append(Double(clock.monotonicNanos() - before) / 1e6)
      between()
    }
  }
}
