// Our side of `varvebench engine`: the engine in this process, on a directory of its own for each
// page size.

import Foundation
import Logging
import Synchronization
import VarveBase
import VarveEngine
import VarveFile

final class StoreSide {
  private let directory: String
  private let pages: BenchPages
  private let engine: Engine
  private let namespace: UInt32
  private var prepared: Set<EngineCell.Operation> = []
  private let chains = ChainCounter(1 << 40)
  /// Each reads all that memory lacks.
  private static let warmingsMax = 100
  /// Cold chains are read in turn across rounds: what a round read last is not what the next begins
  /// with.
  private let coldTurns = ChainCounter(0)

  init(directory: String, pages: BenchPages) throws {
    self.directory = directory
    self.pages = pages
    var configuration = EngineConfiguration(directory: directory, capacityBytes: 4 << 30)
    configuration.arenaBytes = EngineCell.arenaBytes
    configuration.stagingBytes = 256 << 20
    configuration.minFreeBytes = 1 << 30
    let quiet = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
    do {
      engine = try Engine.open(
        configuration, files: PosixFileSystem(), clock: SystemClock(),
        ledger: MemoryLedger(limitBytes: 1 << 30), logger: quiet)
      namespace = try engine.openNamespace(
        name: "bench", options: NamespaceOptions(), mustExist: false
      ).view.id
    } catch {
      throw Failure("the engine on \(directory): \(error)")
    }
  }

  func end() {
    engine.close()
    try? FileManager.default.removeItem(atPath: directory)
  }

  func round(_ cell: EngineCell, seconds: Double) throws -> Sample {
    try prepare(cell)
    let before = arenaHits
    let (engine, namespace, pages, chains) = (
      engine, namespace, pages, cell.operation == .put ? chains : coldTurns
    )
    let sample = try Round.run(
      connections: cell.workers, seconds: seconds, pid: getpid()
    ) { worker in
      StoreLoad(
        cell: cell, engine: engine, namespace: namespace, pages: pages, worker: worker,
        chains: chains)
    }
    let hits = Int(arenaHits - before)
    switch cell.operation {
    case .getHot where hits < sample.pages:
      throw Failure("\(cell.name): only \(hits) of \(sample.pages) pages came from memory")
    case .getCold where hits > sample.pages / 50:
      throw Failure("\(cell.name): \(hits) of \(sample.pages) pages came from memory")
    default: return sample
    }
  }

  private var arenaHits: UInt64 {
    engine.allCounters.first { $0.name == "arena_hits_total" }?.current ?? 0
  }

  private func prepare(_ cell: EngineCell) throws {
    guard prepared.insert(cell.operation).inserted else { return }
    let count: Int
    let first: UInt64
    switch cell.operation {
    case .getHot: (first, count) = (StoreLoad.hotChain, cell.hotCalls)
    case .getCold: (first, count) = (StoreLoad.coldChain, cell.coldCalls)
    case .put: return
    }
    let load = StoreLoad(
      cell: cell, engine: engine, namespace: namespace, pages: pages, worker: 0, chains: chains)
    for index in 0..<count { try load.put(first + UInt64(index), from: index) }
    do { try engine.flush() } catch { throw Failure("flush: \(error)") }
    guard cell.operation == .getHot else { return }
    // The arena's memory is touched in the background, and keeps pages as far as it is.
    for _ in 0..<Self.warmingsMax {
      let before = arenaHits
      for index in 0..<count { try load.get(first + UInt64(index), copies: false) }
      if Int(arenaHits - before) == count * cell.pages { return }
    }
    throw Failure("\(cell.name): memory does not keep the pages")
  }
}

/// Numbers, each given once.
final class ChainCounter: Sendable {
  private let count: Atomic<UInt64>

  init(_ first: UInt64) { count = Atomic(first) }

  /// Relaxed: only that no number comes twice matters.
  func next() -> UInt64 { count.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// One caller.
private struct StoreLoad: Load {
  static let hotChain: UInt64 = 1
  static let coldChain: UInt64 = 1 << 20

  let cell: EngineCell
  let engine: Engine
  let namespace: UInt32
  let pages: BenchPages
  let worker: Int
  let chains: ChainCounter
  private let memory: AlignedBuffer
  private var turn = 0

  init(
    cell: EngineCell, engine: Engine, namespace: UInt32, pages: BenchPages, worker: Int,
    chains: ChainCounter
  ) {
    self.cell = cell
    self.engine = engine
    self.namespace = namespace
    self.pages = pages
    self.worker = worker
    self.chains = chains
    memory = AlignedBuffer(byteCount: cell.pageBytes)
  }

  mutating func call() throws -> Work? {
    let number = UInt64(turn * cell.workers + worker)
    turn += 1
    switch cell.operation {
    case .getHot: try get(Self.hotChain + number % UInt64(cell.hotCalls), copies: true)
    case .getCold: try get(Self.coldChain + chains.next() % UInt64(cell.coldCalls), copies: false)
    case .put: try put(chains.next(), from: Int(number))
    }
    return Work(calls: 1, bytes: cell.callBytes, pages: cell.pages)
  }

  private func slice(_ chain: UInt64) -> ChainSlice {
    let ids = BenchChain.ids(seed: chain, cell.pages)
    return ChainSlice(namespace: namespace, ids: ids, first: 0, count: ids.count, atRoot: true)
  }

  /// All pages of a chain. The engine has verified what it read; what is copied is verified again,
  /// as the caller who copies would.
  func get(_ chain: UInt64, copies: Bool) throws {
    var count = 0
    do {
      let session = try engine.beginGet(slice(chain), sparse: false)
      while let batch = try session.next(bytesMax: 4 << 20) {
        for page in batch.pages {
          guard page.outcome == .present else { throw Failure("a page is \(page.outcome)") }
          if copies, copied(page, of: batch) != page.checksum {
            throw Failure("a page came with other bytes")
          }
          count += 1
        }
      }
    } catch let error as EngineError {
      throw Failure("get: \(error)")
    }
    guard count == cell.pages else { throw Failure("\(count) pages of \(cell.pages) came") }
  }

  private func copied(_ page: GetPage, of batch: GetBatch) -> UInt64 {
    var done = 0
    let target = unsafe memory.mutableBytes
    let pieces = unsafe batch.pieces(of: page)
    for index in unsafe pieces.indices {
      let piece = unsafe pieces[index]
      unsafe UnsafeMutableRawBufferPointer(rebasing: target[done...]).copyMemory(from: piece)
      done += piece.count
    }
    return withExtendedLifetime(batch) {
      unsafe XXH3.hash(UnsafeRawBufferPointer(rebasing: memory.bytes[0..<done]))
    }
  }

  /// New pages: the copy into the engine's memory stands for receiving them.
  func put(_ chain: UInt64, from call: Int) throws {
    let slice = slice(chain)
    let first = call * cell.pages % pages.count
    let order = PutOrder(
      slice: slice, pageBytes: [UInt32](repeating: UInt32(cell.pageBytes), count: cell.pages),
      checksums: Array(pages.checksums[first..<first + cell.pages]))
    let session: PutSession
    do { session = try engine.beginPut(order) } catch { throw Failure("put: \(error)") }
    let source = unsafe pages.bytes(first..<first + cell.pages)
    var done = 0
    receiving: while true {
      switch session.nextDestination() {
      case .memory(let memory):
        unsafe memory.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[done..<done + memory.count]))
        session.received(memory.count)
        done += memory.count
      case .skip(let count): throw Failure("\(count) bytes of a new page were not wanted")
      case .end: break receiving
      }
    }
    let outcomes = Monitor<[PageOutcome]?>(nil)
    session.finish { told in outcomes.update { $0 = told } }
    let told = outcomes.wait { $0 } ?? []
    guard told.allSatisfy({ $0 == .stored }) else {
      throw Failure("a put was answered \(told.first { $0 != .stored } ?? .stored)")
    }
  }
}
