// A whole engine in memory on its caller's thread: the same seed gives the same blocks read and the
// same bytes written, so that settings are compared by counts and not by clocks.

import Logging
import VarveBase
import VarveEngine
import VarveFile
import VarveServer
import VarveTuner

/// Sizes of an index under the bench.
struct BenchScale: Hashable, Sendable {
  /// Pages that the store holds when it is full.
  var pages = 60_000
  var memtableBytes = 96 << 10
  /// Memory of filters, block indexes and blocks.
  var cacheBytes = 1_536 << 10
  var filterBits = 10.0
  /// Without them absent pages are asked of the filters, and T, K and Z decide of how many.
  var hasFingerprints = true

  static let pageBytes = 64
  /// Pages of one put, and of the longest conversation.
  static let putPages = 8
  static let chainPages = 64
}

/// The engine with the conversations that were put.
final class BenchIndex {
  let engine: Engine
  let scale: BenchScale
  private let namespace: UInt32
  let clock = ManualClock()
  private let payload = [UInt8](repeating: 7, count: BenchScale.pageBytes)
  private let checksum: UInt64
  private var random: SplitMix
  private var chains: [[PageID]] = []
  /// Pages put before each chain began: which chains can still be there.
  private var begunAt: [Int] = []
  private var pagesPut = 0
  private var operations = 0

  init(_ scale: BenchScale, _ shape: IndexShape, seed: UInt64) throws {
    self.scale = scale
    random = SplitMix(seed: seed)
    // Extents take 4 KiB each; tables are written beside those they replace.
    let log = scale.pages / BenchScale.putPages * Limits.blockBytes
    let capacity = log + scale.pages * 600 + (8 << 20)
    var configuration = EngineConfiguration(
      directory: "/store", capacityBytes: UInt64(capacity))
    configuration.segmentBytes = 256 << 10
    configuration.arenaBytes = 1 << 20
    configuration.stagingBytes = 4 << 20
    configuration.blockCacheBytes = scale.cacheBytes
    configuration.memtableBytes = scale.memtableBytes
    configuration.filterBitsPerName = scale.filterBits
    configuration.hasFingerprints = scale.hasFingerprints
    configuration.shape = shape
    configuration.simulation = EngineConfiguration.Simulation(seed: seed)
    var logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    engine = try Engine.open(
      configuration, files: MemoryFileSystem(), clock: clock,
      ledger: MemoryLedger(limitBytes: 1 << 32), logger: logger)
    namespace = try engine.openNamespace(
      name: "bench", options: NamespaceOptions(), mustExist: false
    ).0.id
    checksum = XXH3.hash(payload)
  }

  func close() { engine.close() }

  /// Puts pages until the store is full and its oldest pages leave.
  func fill() throws {
    let load = BenchLoad.puts
    while pagesPut < scale.pages * 5 / 4 { _ = try step(load) }
  }

  /// One operation of `load`; the pages it was about.
  func step(_ load: BenchLoad) throws -> Int {
    operations += 1
    if operations % 16 == 0 {
      clock.advance(millis: 10)
      engine.syncStep()
    }
    if random.share() < load.putShare { return try put() }
    return try probe(misses: random.share() < load.missShare)
  }

  // MARK: - Operations

  private func newID() -> PageID {
    PageID(random.next(), random.next(), random.next(), random.next())
  }

  private func put() throws -> Int {
    var chain = chains.count
    // Most puts are the next turn of a conversation among the last few hundred.
    if random.share() < 0.75, !chains.isEmpty {
      let picked = chains.count - 1 - random.below(min(chains.count, 600))
      if chains[picked].count < BenchScale.chainPages { chain = picked }
    }
    if chain == chains.count {
      chains.append([])
      begunAt.append(pagesPut)
    }
    let first = chains[chain].count
    for _ in 0..<BenchScale.putPages { chains[chain].append(newID()) }
    let slice = ChainSlice(
      namespace: namespace, ids: chains[chain], first: first, count: BenchScale.putPages,
      atRoot: true)
    let session = try engine.beginPut(
      PutOrder(
        slice: slice,
        pageBytes: [UInt32](repeating: UInt32(payload.count), count: slice.count),
        checksums: [UInt64](repeating: checksum, count: slice.count)))
    var isWhole = true
    send: for _ in 0..<slice.count {
      switch session.nextDestination() {
      case .memory(let memory): unsafe memory.copyBytes(from: payload)
      case .skip: break
      case .end:
        isWhole = false
        break send
      }
      session.received(payload.count)
    }
    let stored = Locked(0)
    session.finish { outcomes in
      stored.withLock { $0 = outcomes.count { $0 == .stored } }
    }
    guard isWhole, stored.withLock({ $0 }) == slice.count else {
      throw Failure("a put of the tuner's bench was not stored")
    }
    pagesPut += slice.count
    // A memtable takes about twenty puts.
    if operations % 4 == 0 { engine.indexStep() }
    return slice.count
  }

  /// A prompt: a conversation that is stored and its next turn, which is not; or a new one.
  private func probe(misses: Bool) throws -> Int {
    var ids: [PageID] = []
    if !misses, let chain = storedChain() { ids = chains[chain] }
    for _ in 0..<BenchScale.putPages { ids.append(newID()) }
    let answer = try engine.lookup(
      ChainSlice(namespace: namespace, ids: ids, first: 0, count: ids.count, atRoot: true))
    return Int(answer.hitPages) + 1
  }

  /// One of the conversations that began while half of the pages of now were put.
  private func storedChain() -> Int? {
    let oldest = pagesPut - scale.pages / 2
    var low = 0
    var high = begunAt.count
    while low < high {
      let middle = (low + high) / 2
      if begunAt[middle] < oldest { low = middle + 1 } else { high = middle }
    }
    return low < chains.count ? low + random.below(chains.count - low) : nil
  }
}
