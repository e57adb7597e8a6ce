// A store for tests: small, in memory, with pages that can be made again from their number.

import Logging
import Testing
import VarveBase
import VarveEngine
import VarveFile

/// SplitMix64: the tests' only source of randomness. The seed is printed with every failure.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A page a test stores.
struct TestPage: Equatable {
  let id: PageID
  let bytes: [UInt8]

  /// Bytes that only this id and version have.
  init(_ id: PageID, bytes count: Int, version: UInt64 = 0) {
    self.id = id
    var random = SeededRandom(id.word0 ^ id.word3 ^ (version &* 77))
    var bytes = id.bytes
    while bytes.count < count { bytes.appendLE(random.next()) }
    self.bytes = Array(bytes.prefix(count))
  }

  var checksum: UInt64 { XXH3.hash(bytes) }
}

/// Ids of a chain that no other seed shares.
func chain(_ seed: UInt64, _ count: Int) -> [PageID] {
  let tokens = (0..<UInt32(count * 4)).map { $0 &+ UInt32(truncatingIfNeeded: seed) &* 100_003 }
  return PageID.chain(tokens: tokens, pageTokens: 4, seed: PageID.sha256([UInt8(seed & 255)]))
}

/// Gives every message from a level on to the test.
struct TestLogHandler: LogHandler {
  var logLevel: Logger.Level
  let take: @Sendable (String) -> Void
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?

  init(from level: Logger.Level, take: @escaping @Sendable (String) -> Void) {
    logLevel = level
    self.take = take
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { take("\(event.message)") }
}

final class TestStore {
  let files: any FileSystem
  let clock: any Clock
  var configuration: EngineConfiguration
  private(set) var engine: Engine
  let ledger: MemoryLedger

  static func configuration(capacity: UInt64 = 64 << 20, segment: UInt32 = 4 << 20)
    -> EngineConfiguration
  {
    var configuration = EngineConfiguration(directory: "/data", capacityBytes: capacity)
    configuration.segmentBytes = segment
    configuration.arenaBytes = 4 << 20
    configuration.stagingBytes = 48 << 20
    configuration.memtableBytes = 1 << 20
    configuration.blockCacheBytes = 1 << 20
    configuration.ioThreads = 2
    configuration.directIO = false
    return configuration
  }

  /// A small store on the caller's thread, of at most `segments` segments of 64 KiB.
  static func simulation(seed: UInt64, segments: UInt64) -> EngineConfiguration {
    var configuration = configuration(capacity: (64 << 10) * segments, segment: 64 << 10)
    configuration.simulation = EngineConfiguration.Simulation(seed: seed)
    configuration.manifestBytesReserved = 64 << 10
    configuration.arenaBytes = 64 << 10
    configuration.minFreeBytes = 0
    return configuration
  }

  init(
    _ configuration: EngineConfiguration = TestStore.configuration(),
    files: any FileSystem = MemoryFileSystem(), clock: any Clock = SystemClock()
  ) throws {
    self.files = files
    self.clock = clock
    self.configuration = configuration
    ledger = MemoryLedger(limitBytes: 256 << 20)
    engine = try Engine.open(
      configuration, files: files, clock: clock, ledger: ledger, logger: Self.logger)
  }

  /// Nobody listens, but what makes the messages is tested as well.
  static var logger: Logger { Logger(label: "test") { _ in TestLogHandler(from: .trace) { _ in } } }

  deinit { engine.close() }

  func close() { engine.close() }

  /// Closes and opens the same files again.
  func reopen() throws {
    engine.close()
    engine = try Engine.open(
      configuration, files: files, clock: clock, ledger: MemoryLedger(limitBytes: 256 << 20),
      logger: Self.logger)
  }

  func namespace(_ name: String = "test", ttl: UInt64 = 0) throws -> UInt32 {
    var options = NamespaceOptions()
    options.ttlSeconds = ttl
    return try engine.openNamespace(name: name, options: options, mustExist: false).view.id
  }
}

extension TestStore {
  /// Puts pages and waits for their outcomes.
  func put(
    _ pages: [TestPage], in slice: ChainSlice, durable: Bool = false, ttl: UInt64 = 0,
    ask: Bool = false, checksums: [UInt64]? = nil, bytesSent: Int? = nil
  ) throws -> [PageOutcome] {
    let order = PutOrder(
      slice: slice, pageBytes: pages.map { UInt32($0.bytes.count) },
      checksums: checksums ?? pages.map(\.checksum), durable: durable, ttlSeconds: ttl, ask: ask)
    let session = try engine.beginPut(order)
    send(pages, session, ask: ask, bytesSent: bytesSent)
    return Self.finish(session)
  }

  /// Puts a whole chain given from its root.
  func put(_ pages: [TestPage], namespace: UInt32, durable: Bool = false) throws -> [PageOutcome] {
    try put(pages, in: whole(pages, namespace), durable: durable)
  }

  func whole(_ pages: [TestPage], _ namespace: UInt32) -> ChainSlice {
    ChainSlice(
      namespace: namespace, ids: pages.map(\.id), first: 0, count: pages.count, atRoot: true)
  }

  /// What the server's reader does with the bytes of a put.
  func send(_ pages: [TestPage], _ session: PutSession, ask: Bool = false, bytesSent: Int? = nil) {
    var stream: [UInt8] = []
    for (index, page) in pages.enumerated() {
      let needed = session.need[index / 8] >> UInt8(index % 8) & 1 == 1
      if needed || !ask { stream += page.bytes }
    }
    if let bytesSent { stream = Array(stream.prefix(bytesSent)) }
    var at = 0
    while at < stream.count {
      switch session.nextDestination() {
      case .memory(let memory):
        // In pieces, as a socket gives them.
        let count = min(memory.count, stream.count - at, 70_001)
        unsafe memory.copyBytes(from: stream[at..<at + count])
        session.received(count)
        at += count
      case .skip(let count):
        let skipped = min(count, stream.count - at)
        session.received(skipped)
        at += skipped
      case .end: return
      }
    }
  }

  static func finish(_ session: PutSession) -> [PageOutcome] {
    let result = Monitor<[PageOutcome]?>(nil)
    session.finish { outcomes in result.update { $0 = outcomes } }
    let deadline = SystemClock().monotonicNanos() + 30_000_000_000
    guard let outcomes = result.wait(until: deadline, { $0 }) else {
      Issue.record("the put was never answered")
      return []
    }
    return outcomes
  }

  /// The pages of a get, verified against their checksums.
  func get(_ slice: ChainSlice, sparse: Bool = false) throws -> [(PageOutcome, [UInt8])] {
    let session = try engine.beginGet(slice, sparse: sparse)
    var pages: [(PageOutcome, [UInt8])] = []
    while let batch = try session.next(bytesMax: 1 << 20) {
      for page in batch.pages {
        #expect(page.index == slice.first + pages.count)
        var bytes: [UInt8] = []
        unsafe batch.pieces(of: page).forEach { unsafe bytes.append(contentsOf: $0) }
        if page.outcome == .present { #expect(XXH3.hash(bytes) == page.checksum) }
        pages.append((page.outcome, bytes))
      }
    }
    return pages
  }

  func get(_ pages: [TestPage], namespace: UInt32) throws -> [[UInt8]] {
    try get(whole(pages, namespace)).map(\.1)
  }

  func hits(_ pages: [TestPage], namespace: UInt32) throws -> Int {
    try engine.lookup(whole(pages, namespace)).hitPages
  }
}
