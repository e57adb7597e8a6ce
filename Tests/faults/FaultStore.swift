// A store as the harnesses use it: pages that can be made again from their number, put and read
// whole, every byte compared.

import Logging
import VarveBase
import VarveEngine
import VarveFile

/// SplitMix64.
struct Dice: RandomNumberGenerator {
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

struct FaultPage: Equatable {
  let id: PageID
  let bytes: [UInt8]

  init(_ id: PageID, bytes count: Int) {
    self.id = id
    var dice = Dice(id.word0)
    var bytes: [UInt8] = []
    while bytes.count < count { bytes.appendLE(dice.next()) }
    self.bytes = Array(bytes.prefix(count))
  }

  /// Pages of one sequence.
  static func chain(_ seed: UInt32, _ count: Int, bytes: (Int) -> Int) -> [FaultPage] {
    let tokens = (0..<UInt32(count * 4)).map { $0 &+ seed &* 100_003 }
    let ids = PageID.chain(tokens: tokens, pageTokens: 4, seed: PageID.sha256([UInt8(seed & 255)]))
    return ids.enumerated().map { FaultPage($1, bytes: bytes($0)) }
  }
}

/// What reading all pages gave.
struct FaultReading: Equatable {
  var served = 0
  var wrong = 0
  var damaged = 0
}

final class FaultStore {
  let engine: Engine

  static func configuration(_ directory: String) -> EngineConfiguration {
    var configuration = EngineConfiguration(directory: directory, capacityBytes: 512 << 20)
    configuration.segmentBytes = 4 << 20
    configuration.arenaBytes = 1 << 20
    configuration.stagingBytes = 24 << 20
    configuration.memtableBytes = 4 << 20
    configuration.blockCacheBytes = 1 << 20
    configuration.ioThreads = 1
    configuration.minFreeBytes = 0
    return configuration
  }

  init(
    _ configuration: EngineConfiguration, files: any FileSystem, logger: Logger = silent,
    clock: any Clock = SystemClock()
  ) throws {
    engine = try Engine.open(
      configuration, files: files, clock: clock, ledger: MemoryLedger(limitBytes: 1 << 30),
      logger: logger)
  }

  static let silent = Logger(label: "faults") { _ in SwiftLogNoOpLogHandler() }

  func close() { engine.close() }

  func namespace(_ name: String) throws -> UInt32 {
    try engine.openNamespace(name: name, options: NamespaceOptions(), mustExist: false).view.id
  }

  func slice(_ pages: [FaultPage], _ namespace: UInt32) -> ChainSlice {
    ChainSlice(
      namespace: namespace, ids: pages.map(\.id), first: 0, count: pages.count, atRoot: true)
  }

  func put(_ pages: [FaultPage], _ namespace: UInt32) throws {
    let session = try engine.beginPut(
      PutOrder(
        slice: slice(pages, namespace), pageBytes: pages.map { UInt32($0.bytes.count) },
        checksums: pages.map { XXH3.hash($0.bytes) }, durable: true, ttlSeconds: 0, ask: false))
    for page in pages {
      var at = 0
      while at < page.bytes.count {
        guard case .memory(let memory) = session.nextDestination() else {
          preconditionFailure("a page is there already")
        }
        unsafe memory.copyBytes(from: page.bytes[at..<at + memory.count])
        let count = memory.count
        session.received(count)
        at += count
      }
    }
    let result = Monitor<[PageOutcome]?>(nil)
    session.finish { outcomes in result.update { $0 = outcomes } }
    let outcomes = result.wait { $0 } ?? []
    precondition(outcomes.allSatisfy { $0 == .stored }, "a page was not stored: \(outcomes)")
  }

  /// Reads all of `pages` in `namespace` and compares every byte.
  func read(_ pages: [FaultPage], _ namespace: UInt32) throws -> FaultReading {
    var reading = FaultReading()
    guard engine.namespace(namespace) != nil else { return reading }
    let session = try engine.beginGet(slice(pages, namespace), sparse: true)
    while let batch = try session.next(bytesMax: 256 << 10) {
      for page in batch.pages {
        switch page.outcome {
        case .present:
          var bytes: [UInt8] = []
          unsafe batch.pieces(of: page).forEach { unsafe bytes.append(contentsOf: $0) }
          if bytes == pages[page.index].bytes { reading.served += 1 } else { reading.wrong += 1 }
        case .dataLoss: reading.damaged += 1
        default: break
        }
      }
    }
    return reading
  }
}
