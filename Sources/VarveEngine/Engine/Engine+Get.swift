// Getting: places first, then a bounded batch of pages at a time from arena or disk.

internal import Logging
internal import Synchronization
internal import VarveBase

extension Engine {
  /// Finds the pages of a get. Nothing is read from segments yet.
  package func beginGet(_ slice: ChainSlice, sparse: Bool) throws(EngineError) -> GetSession {
    let namespace = try liveNamespace(slice.namespace)
    let memory = try hold(pages: slice.count, bytesEach: HeldBytes.get)
    var records: [IndexRecord?] = []
    records.reserveCapacity(min(slice.count, Limits.pagesMax))
    try walk(slice) { _, record in
      guard record != nil || sparse else { return false }
      records.append(record)
      return true
    }
    return GetSession(
      engine: self, namespace: namespace, records: records, first: slice.first, sparse: sparse,
      memory: memory)
  }

  /// Gets may make a batch while another one waits to be sent.
  package var hasRoomAhead: Bool { !arena.isTight }

  /// Reads pages through the arena; one outcome for each location. Nil when there is no room.
  func lease(
    _ locations: [Location], for claimant: Claimant, _ promise: RoomPromise? = nil
  ) -> ArenaLease? {
    let started = clock.monotonicNanos()
    // Handles are held until the reads are over: a victim's bytes count until then.
    var handles: [SegmentHandle] = []
    let lease = arena.lease(locations, for: claimant, promise) { (number) throws(LogError) in
      guard let handle = try keeper.handle(number) else { return nil }
      handles.append(handle)
      return handle.reader
    }
    withExtendedLifetime(handles) {}
    if lease != nil { readNanos.record(nanos: clock.monotonicNanos() - started) }
    return lease
  }
}

/// One page of a get.
package struct GetPage: Sendable {
  /// Number of the page in its chain.
  package let index: Int
  /// present, missing or dataLoss.
  package let outcome: PageOutcome
  /// 0 unless present, as the checksum is.
  package let rawBytes: UInt32
  package let checksum: UInt64
  fileprivate let pieces: Range<Int>
}

/// Consecutive pages of one get. Their bytes stay where they are while the object lives.
@safe package final class GetBatch: Sendable {
  /// At least one, in order.
  package let pages: [GetPage]
  /// Nothing follows these pages.
  package let isLast: Bool
  private let lease: ArenaLease

  init(_ pages: [GetPage], _ lease: ArenaLease, isLast: Bool) {
    self.pages = pages
    self.lease = lease
    self.isLast = isLast
  }

  /// Of the pages that are present.
  package var byteCount: Int { pages.reduce(0) { $0 + Int($1.rawBytes) } }

  /// The bytes of a page, in order; none unless it is present.
  package func pieces(of page: GetPage) -> ArraySlice<UnsafeRawBufferPointer> {
    unsafe lease.pieces[page.pieces]
  }

  /// The bytes of all pages that are present, in order.
  package var pieces: ArraySlice<UnsafeRawBufferPointer> {
    let end = pages.last { $0.outcome == .present }?.pieces.upperBound ?? 0
    return unsafe lease.pieces[..<end]
  }
}

/// What comes next of a get, as far as it can be had.
package enum NextPages: Sendable {
  /// Nil: the answer is over.
  case made(GetBatch?)
  /// Some page must be read, or is being read: `read` waits for it.
  case cold
  /// Memory is held by others: `whenRoom` says when there is some.
  case noRoom
}

/// One get: hands out pages in order, a bounded batch at a time. Used by one thread at a time.
package final class GetSession: @unchecked Sendable {
  // Sendable is sound: batches are asked for one after the other, by whichever thread; the caller
  // orders them.
  private let engine: Engine
  private let namespace: LiveNamespace
  /// As whom its batches are made.
  private let claimant: Claimant
  private let records: [IndexRecord?]
  private let first: Int
  private let sparse: Bool
  /// For the records.
  private let memory: MemoryReservation
  private var next = 0
  private var isOver = false
  /// Bytes of the pages handed out so far.
  package private(set) var bytesGiven = 0
  /// A batch had to be read: those that follow are read ahead, and have been asked for up to here.
  private var isCold = false
  private var aheadEnd = 0

  init(
    engine: Engine, namespace: LiveNamespace, records: [IndexRecord?], first: Int, sparse: Bool,
    memory: MemoryReservation
  ) {
    self.memory = memory
    self.engine = engine
    self.namespace = namespace
    claimant = namespace.claimant
    self.records = records
    self.first = first
    self.sparse = sparse
  }

  /// Pages this get will try to hand out.
  package var pageCount: Int { records.count }

  /// The next pages: contiguous, in order, at most about `bytesMax` bytes and at least one page;
  /// nil when the answer is over. Blocks for the disk.
  ///
  /// A page that went since the get began ends the answer (sparse: is `missing`); one whose bytes
  /// are bad is `dataLoss`, and ends the answer behind it unless sparse.
  ///
  /// - Throws: `.readMemoryExhausted` also when others hold the memory now.
  package func next(bytesMax: Int) throws(EngineError) -> GetBatch? {
    guard case .made(let batch) = try read(bytesMax: bytesMax) else {
      throw .readMemoryExhausted(limit: engine.ledger.limitBytes)
    }
    return batch
  }

  /// The same, or `noRoom`. Blocks for the disk, not for others to let go of memory.
  ///
  /// - Parameter promise: from `whenRoom`, if the batch had to wait for one.
  package func read(
    bytesMax: Int, _ promise: RoomPromise? = nil
  ) throws(EngineError) -> NextPages {
    let batch = following(bytesMax)
    if batch.isEmpty { return .made(nil) }
    guard let lease = engine.lease(batch.compactMap { $0?.location }, for: claimant, promise)
    else { return .noRoom }
    return .made(try handOut(batch, lease))
  }

  /// What `read` would give, as far as that can be said without waiting.
  package func nextIfHot(bytesMax: Int) throws(EngineError) -> NextPages {
    let batch = following(bytesMax)
    if batch.isEmpty { return .made(nil) }
    let locations = batch.compactMap { $0?.location }
    switch engine.arena.leaseHot(locations, for: claimant) {
    case .success(let lease): return .made(try handOut(batch, lease))
    case .failure(.cold):
      isCold = true
      return .cold
    case .failure(.noRoom): return .noRoom
    }
  }

  /// Runs `job` on the pool when there is room for the next batch, in fair order with others.
  ///
  /// - Throws: `.readMemoryExhausted` when too many wait already.
  package func whenRoom(
    bytesMax: Int, _ job: @escaping @Sendable (RoomPromise) -> Void
  ) throws(EngineError) {
    let locations = following(bytesMax).compactMap { $0?.location }
    let bytes = locations.reduce(0) { $0 + Int($1.storedBytes) }
    let isInLine = engine.arena.whenRoom(for: locations, of: claimant) { [engine, claimant] in
      let promise = $0
      // It has waited its turn; a closed pool means that nobody is served any more.
      _ = engine.io.submit(for: claimant, cost: bytes, isBounded: false) { job(promise) }
    }
    guard isInLine else { throw .readMemoryExhausted(limit: engine.ledger.limitBytes) }
  }

  /// Runs `job`, which will `read` the next batch, on the pool, in fair order with others.
  ///
  /// - Throws: `.queueFull`.
  package func whenThread(
    bytesMax: Int, _ job: @escaping @Sendable () -> Void
  ) throws(EngineError) {
    let bytes = following(bytesMax).reduce(0) { $0 + Int($1?.location.storedBytes ?? 0) }
    try engine.background(for: claimant, cost: bytes, job)
  }

  /// Has what is not in memory of the next pages read, so that the disk works while pages before
  /// them are verified and sent: so far ahead that reads stay long, and no farther. Not before the
  /// first batch has been read, which the client waits for; and not where somebody waits for a
  /// thread: then the disk has enough to do, and memory others to serve.
  private func readAhead() {
    guard isCold, !isOver, engine.io.queuedCount == 0 else { return }
    var end = next
    var window = 0
    while end < records.count {
      window += Int(records[end]?.location.storedBytes ?? 0)
      guard window <= Limits.getAheadBytes else { break }
      end += 1
    }
    let begin = max(next, aheadEnd)
    guard begin < end else { return }
    let step = records[begin..<end]
    let bytes = step.reduce(0) { $0 + Int($1?.location.storedBytes ?? 0) }
    guard bytes >= Limits.getAheadStepBytes || end == records.count else { return }
    aheadEnd = end
    engine.readAhead(
      step.compactMap { $0?.location }, for: claimant,
      counting: engine.counters.pagesReadAheadOfGets)
  }

  private func following(_ bytesMax: Int) -> ArraySlice<IndexRecord?> {
    if isOver { return [] }
    let bytesMax = engine.arena.batchBytes(most: bytesMax)
    var end = next
    var bytes = 0
    while end < records.count, end - next < Limits.getBatchPagesMax {
      let more = Int(records[end]?.location.rawBytes ?? 0)
      guard end == next || bytes + more <= bytesMax else { break }
      bytes += more
      end += 1
    }
    return records[next..<end]
  }

  private func handOut(
    _ batch: ArraySlice<IndexRecord?>, _ lease: ArenaLease
  ) throws(EngineError) -> GetBatch? {
    var pages: [GetPage] = []
    pages.reserveCapacity(batch.count)
    var taken = 0
    for (offset, record) in batch.enumerated() {
      var outcome = PageOutcome.missing
      var pieces = 0..<0
      if let record {
        switch lease.pages[taken] {
        case .here(let range): (outcome, pieces) = (.present, range)
        case .failed(let error): outcome = try judged(error, record)
        }
        taken += 1
        if outcome == .missing, !sparse {
          isOver = true
          break
        }
      }
      let location = outcome == .present ? record?.location : nil
      pages.append(
        GetPage(
          index: first + next + offset, outcome: outcome, rawBytes: location?.rawBytes ?? 0,
          checksum: location?.checksum ?? 0, pieces: pieces))
      if outcome == .dataLoss, !sparse {
        isOver = true
        break
      }
    }
    next = batch.endIndex
    count(pages)
    isOver = isOver || next == records.count
    readAhead()
    return pages.isEmpty ? nil : GetBatch(pages, lease, isLast: isOver)
  }

  private func count(_ pages: [GetPage]) {
    var present = (pages: 0, bytes: 0)
    for page in pages where page.outcome == .present {
      present.pages += 1
      present.bytes += Int(page.rawBytes)
    }
    bytesGiven += present.bytes
    engine.counters.pagesRead.add(present.pages)
    engine.counters.bytesRead.add(present.bytes)
    namespace.bytesOut.wrappingAdd(UInt64(present.bytes), ordering: .relaxed)
  }

  private func judged(
    _ error: PageReadError, _ record: IndexRecord
  ) throws(EngineError) -> PageOutcome {
    switch error {
    case .segmentGone: return .missing
    case .memoryExhausted: throw .readMemoryExhausted(limit: engine.ledger.limitBytes)
    default:
      engine.counters.pagesDamaged.add()
      engine.logger.error("page \(record.id.hex) cannot be read: \(error)")
      if error.isDamage {
        let name = PageName(namespace: namespace.id, id: record.id)
        engine.quarantineLater(name, at: record.location)
      }
      return .dataLoss
    }
  }
}
