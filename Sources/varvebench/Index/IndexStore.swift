// A store of many small pages: chains of 512, as a request of 32k tokens names them.

import Foundation
import Logging
import VarveBase
import VarveEngine
import VarveFile

final class IndexStore: Sendable {
  static let chainPages = 512
  private static let callers = 8
  private static let pageBytes = 256

  let engine: Engine
  let namespace: UInt32
  let ledger: MemoryLedger
  let files: MeteredFiles

  init(_ configuration: EngineConfiguration) throws {
    files = MeteredFiles(PosixFileSystem())
    ledger = MemoryLedger(limitBytes: 4 << 30)
    let quiet = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
    do {
      engine = try Engine.open(
        configuration, files: files, clock: SystemClock(), ledger: ledger, logger: quiet)
      namespace = try engine.openNamespace(
        name: "bench", options: NamespaceOptions(), mustExist: false
      ).view.id
    } catch {
      throw Failure("the engine on \(configuration.directory): \(error)")
    }
  }

  static func configuration(_ directory: String, blockCacheBytes: Int) -> EngineConfiguration {
    var configuration = EngineConfiguration(directory: directory, capacityBytes: 64 << 30)
    configuration.arenaBytes = 1 << 20
    configuration.stagingBytes = 64 << 20
    configuration.blockCacheBytes = blockCacheBytes
    configuration.minFreeBytes = 1 << 30
    return configuration
  }

  func counter(_ name: String) -> Int {
    Int(engine.allCounters.first { $0.name == name }?.current ?? 0)
  }

  var blockReads: Int { counter("index_block_reads_total") }

  static func ids(_ chain: Int) -> [PageID] {
    BenchChain.ids(seed: UInt64(chain) + 1, chainPages)
  }

  /// Ids that no chain has.
  static func absentIDs(_ number: Int) -> [PageID] {
    BenchChain.ids(seed: 1 << 48 | UInt64(number), chainPages)
  }

  func slice(_ ids: [PageID], first: Int = 0, atRoot: Bool) -> ChainSlice {
    ChainSlice(
      namespace: namespace, ids: ids, first: first, count: ids.count - first, atRoot: atRoot)
  }

  // MARK: Filling

  /// Chains `0 ..< count`, 256 bytes a page, by several callers: one would wait for each of its
  /// extents.
  func put(chains count: Int) throws {
    let bytes = [UInt8](repeating: 7, count: Self.pageBytes)
    let checksum = XXH3.hash(bytes)
    let next = ChainCounter(0)
    let failure = Locked<Failure?>(nil)
    let threads = (0..<Self.callers).map { caller in
      NamedThread("put-\(caller)") { [self] in
        do {
          while failure.withLock({ $0 == nil }) {
            let chain = Int(next.next())
            guard chain < count else { return }
            try put(Self.ids(chain), page: bytes, checksum: checksum)
            if chain % 1000 == 999 { Console.note("index: \((chain + 1) * Self.chainPages) pages") }
          }
        } catch {
          failure.withLock { $0 = error as? Failure ?? Failure("\(error)") }
        }
      }
    }
    for thread in threads { thread.join() }
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  func put(_ ids: [PageID], page: [UInt8], checksum: UInt64) throws {
    let order = PutOrder(
      slice: slice(ids, atRoot: true),
      pageBytes: [UInt32](repeating: UInt32(page.count), count: ids.count),
      checksums: [UInt64](repeating: checksum, count: ids.count))
    let outcomes = Monitor<[PageOutcome]?>(nil)
    do {
      let session = try engine.beginPut(order)
      receiving: while true {
        switch session.nextDestination() {
        case .memory(let memory):
          unsafe memory.copyBytes(from: page)
          session.received(memory.count)
        case .skip(let count): session.received(count)
        case .end: break receiving
        }
      }
      session.finish { told in outcomes.update { $0 = told } }
    } catch {
      throw Failure("put: \(error)")
    }
    let told = outcomes.wait { $0 } ?? []
    guard told.allSatisfy({ $0 == .stored }) else {
      throw Failure("a put was answered \(told.first { $0 != .stored } ?? .stored)")
    }
  }

  /// Everything flushed and merged as far as the shape asks.
  func settle() throws {
    do { try engine.flush() } catch { throw Failure("flush: \(error)") }
    var before = counter("merges_total")
    while true {
      engine.indexStep()
      let now = counter("merges_total")
      if now == before { return }
      before = now
    }
  }

  /// How many leading pages a look-up finds.
  func hits(_ slice: ChainSlice, exact: Bool = false) throws -> Int {
    do {
      return try engine.lookup(slice, exact: exact).hitPages
    } catch {
      throw Failure("lookup: \(error)")
    }
  }

  /// How many pages a get would hand out.
  func places(_ slice: ChainSlice) throws -> Int {
    do {
      return try engine.beginGet(slice, sparse: false).pageCount
    } catch {
      throw Failure("get: \(error)")
    }
  }
}
