// `varvebench index`: what look-ups cost at many pages, counted; what the index keeps in memory;
// what it writes. Counts are the same on every machine; only the processor's time is not.

import Foundation
import VarveBase
import VarveEngine
import VarveFile

final class IndexBench {
  private let directory: String
  private let chains: Int
  private let probes: Int
  private var lines: [ResultLine] = []
  private var dice = SystemRandomNumberGenerator()

  /// - Parameters:
  ///   - pages: stored, rounded up to whole chains.
  ///   - probes: look-ups a figure.
  init(directory: String, pages: Int, probes: Int) throws {
    chains = (pages + IndexStore.chainPages - 1) / IndexStore.chainPages
    self.probes = probes
    self.directory =
      URL(fileURLWithPath: directory).appendingPathComponent("varvebench-\(UUID().uuidString)")
      .path
    do {
      try FileManager.default.createDirectory(
        atPath: self.directory, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw Failure("\(directory) takes no directory of ours: \(error.localizedDescription)")
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }

  func run(commit: String) throws -> [ResultLine] {
    let machine = Machine.this()
    lines = [
      .machine(
        processors: machine.processors, model: machine.model, load: machine.load, commit: commit)
    ]
    let path = directory + "/store"
    let pages = chains * IndexStore.chainPages
    add("pages stored", Double(pages), "", note: "256 bytes each, chains of 512")
    let filled = try IndexStore(IndexStore.configuration(path, blockCacheBytes: 64 << 20))
    let started = SystemClock().monotonicNanos()
    try filled.put(chains: chains)
    try filled.settle()
    let seconds = Double(SystemClock().monotonicNanos() - started) / 1e9
    add("put, pages a second", Double(pages) / seconds, "", note: "flushes and merges included")
    filled.engine.close()
    try measureCold(path)
    try measureWarm(path, pages: pages)
    try TurnOver(directory: directory + "/turn").run { self.lines.append(.figure($0)) }
    try ShapeMoves(directory: directory + "/moves").run { self.lines.append(.figure($0)) }
    return lines
  }

  private func add(
    _ name: String, _ value: Double, _ unit: String, most: Double? = nil, least: Double? = nil,
    note: String = ""
  ) {
    lines.append(
      .figure(
        Figure(
          bench: "index", name: name, value: value, unit: unit, most: most, least: least,
          note: note)))
  }

  private func randomChain() -> [PageID] {
    IndexStore.ids(Int.random(in: 0..<chains, using: &dice))
  }

  // MARK: Counted block reads

  /// A block cache of one byte: every block of every probe comes from the disk.
  private func measureCold(_ path: String) throws {
    let store = try IndexStore(IndexStore.configuration(path, blockCacheBytes: 1))
    defer { store.engine.close() }
    // From the root, and from the middle of a chain with nothing told of what precedes it.
    for (atRoot, from, most, hint) in [(true, 0, 1.3, "aligned"), (false, 100, 2.3, "no hint")] {
      let count = IndexStore.chainPages - from
      let lookups = try reads(store) { store in
        try store.hits(store.slice(Array(self.randomChain()[from...]), atRoot: atRoot)) == count
      }
      add(
        "block reads of a cold probe, \(hint)", lookups.mean, "", most: most,
        note: "\(count) pages, the last confirmed by its full id; most \(lookups.most)")
      let places = try reads(store) { store in
        try store.places(store.slice(Array(self.randomChain()[from...]), atRoot: atRoot)) == count
      }
      add(
        "block reads of finding every page's place, \(hint)", places.mean, "",
        note: "\(count) pages, each confirmed, as a get does; most \(places.most)")
    }
    var number = 0
    let absent = try reads(store) { store in
      number += 1
      let ids = IndexStore.absentIDs(number)
      return try store.hits(store.slice(ids, atRoot: number % 2 == 0)) == 0
    }
    add(
      "probes whose first page misses that read nothing", absent.zeroShare * 100, "%",
      least: 99.9, note: "\(probes) probes; one reads \(absent.most) blocks at most")
    add(
      "most blocks read by one of them", Double(absent.most), "", most: 1)
  }

  private struct Reads {
    var mean = 0.0
    var most = 0
    var zeroShare = 0.0
  }

  /// Blocks read by each probe; `probe` tells whether it found what it must.
  private func reads(
    _ store: IndexStore, _ probe: (IndexStore) throws -> Bool
  ) throws -> Reads {
    var counts: [Int] = []
    for _ in 0..<probes {
      let before = store.blockReads
      guard try probe(store) else { throw Failure("a probe found other pages than were put") }
      counts.append(store.blockReads - before)
    }
    return Reads(
      mean: Double(counts.reduce(0, +)) / Double(counts.count), most: counts.max() ?? 0,
      zeroShare: Double(counts.count { $0 == 0 }) / Double(counts.count))
  }

  // MARK: Time and memory

  private func measureWarm(_ path: String, pages: Int) throws {
    let cacheBytes = 512 << 20
    let store = try IndexStore(IndexStore.configuration(path, blockCacheBytes: cacheBytes))
    defer { store.engine.close() }
    let chosen = (0..<probes).map { _ in randomChain() }
    let probe = try processorMicros(chosen) { ids in
      let hits = try store.hits(store.slice(ids, atRoot: true))
      guard hits == IndexStore.chainPages else { throw Failure("a look-up found \(hits) pages") }
    }
    let tableBytes = max(store.ledger.bytes(of: .fingerprints), 1 << 20)
    let reads = PrefetchedReads(byteCount: tableBytes)
    let ceiling = try processorMicros(chosen) { ids in reads.run(ids) }
    add("CPU of a probe of 512 pages", probe, "µs", note: "look-up, all pages there, warm")
    add("C loop of 512 prefetched reads", ceiling, "µs", note: "over \(tableBytes >> 20) MiB")
    add("CPU of a probe beside the C loop", probe / ceiling, "×", most: 2)
    let bytes = store.engine.statistics().levels.reduce(0) { $0 + $1.bytes }
    add(
      "index bytes for a request of 32k tokens",
      Double(bytes) / Double(pages) * Double(IndexStore.chainPages) / 1_048_576, "MiB", most: 0.1,
      note: "on disk, both records of each of 512 pages")
    var total = 0.0
    for purpose in MemoryLedger.Purpose.allCases {
      guard purpose != .arena, purpose != .blockCache, purpose != .staging else { continue }
      let each = Double(store.ledger.bytes(of: purpose)) / Double(pages)
      total += each
      add("memory a page: \(purpose.label)", each, "B")
    }
    add("memory a page, block cache apart", total, "B", most: 16)
    let runs = store.engine.statistics().levels.reduce(0) { $0 + Int($1.runs) }
    let large = EngineConfiguration(directory: path, capacityBytes: 1 << 40)
    let segments = Int((large.capacityBytes / UInt64(large.segmentBytesInForce)))
    add(
      "files per TiB", Double(segments + runs + 5), "", most: 4500,
      note: "\(segments) segments, \(runs) tables as here, 5 others")
  }

  /// Processor time of this thread a call, the least of three rounds: what else the machine does
  /// only ever adds.
  private func processorMicros(
    _ chosen: [[PageID]], _ body: ([PageID]) throws -> Void
  ) throws -> Double {
    for ids in chosen { try body(ids) }
    var least = Double.infinity
    for _ in 0..<3 {
      let before = Self.threadNanos()
      for ids in chosen { try body(ids) }
      least = min(least, Double(Self.threadNanos() - before) / 1000 / Double(chosen.count))
    }
    return least
  }

  private static func threadNanos() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
