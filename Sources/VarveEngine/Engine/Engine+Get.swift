// Getting: places first, then a bounded batch of pages at a time from arena or disk.

internal import Logging
internal import Synchronization
internal import VarveBase

extension Engine {
  /// Finds the pages of a get. Nothing is read from segments yet.
  package func beginGet(_ slice: ChainSlice, sparse: Bool) throws(EngineError) -> GetSession {
    let namespace = try liveNamespace(slice.namespace)
    let memory = try hold(pages: slice.count, bytesEach: HeldBytes.get)
    var records: [PageRecord?] = []
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

  /// Reads pages through the arena; one result for each location.
  func lease(_ locations: [Location]) -> [Result<PageLease, PageReadError>] {
    let started = clock.monotonicNanos()
    // Handles are held until the reads are over: a victim's bytes count until then.
    var handles: [SegmentHandle] = []
    let results = arena.lease(batch: locations) { (number) throws(LogError) in
      guard let handle = try keeper.handle(number) else { return nil }
      handles.append(handle)
      return handle.reader
    }
    withExtendedLifetime(handles) {}
    readNanos.record(nanos: clock.monotonicNanos() - started)
    return results
  }
}

/// One page of a get. Its bytes stay where they are while the object lives.
@safe package final class GetPage: @unchecked Sendable {
  // Sendable is sound: everything is constant, and `lease` keeps the memory of `pieces` in place.
  /// Number of the page in its chain.
  package let index: Int
  /// present, missing or dataLoss.
  package let outcome: PageOutcome
  package let rawBytes: UInt32
  package let checksum: UInt64
  /// The page's bytes, in order; empty unless present.
  package let pieces: [UnsafeRawBufferPointer]
  private let lease: PageLease?

  init(index: Int, outcome: PageOutcome) {
    self.index = index
    self.outcome = outcome
    rawBytes = 0
    checksum = 0
    unsafe pieces = []
    lease = nil
  }

  init(index: Int, location: Location, lease: PageLease) {
    self.index = index
    outcome = .present
    rawBytes = location.rawBytes
    checksum = location.checksum
    unsafe pieces = lease.pieces
    self.lease = lease
  }
}

/// One get: hands out pages in order, a bounded batch at a time. Used by one thread at a time.
@safe package final class GetSession: @unchecked Sendable {
  // Sendable is sound: batches are asked for one after the other, by whichever thread; the caller
  // orders them.
  private let engine: Engine
  private let namespace: LiveNamespace
  private let records: [PageRecord?]
  private let first: Int
  private let sparse: Bool
  /// For the records.
  private let memory: MemoryReservation
  private var next = 0
  private var isOver = false

  init(
    engine: Engine, namespace: LiveNamespace, records: [PageRecord?], first: Int, sparse: Bool,
    memory: MemoryReservation
  ) {
    self.memory = memory
    self.engine = engine
    self.namespace = namespace
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
  package func next(bytesMax: Int) throws(EngineError) -> [GetPage]? {
    guard !isOver, next < records.count else { return nil }
    var end = next
    var bytes = 0
    while end < records.count, end - next < Limits.getBatchPagesMax {
      let more = Int(records[end]?.location.rawBytes ?? 0)
      guard end == next || bytes + more <= bytesMax else { break }
      bytes += more
      end += 1
    }
    let batch = records[next..<end]
    let results = engine.lease(batch.compactMap { $0?.location })
    var pages: [GetPage] = []
    var taken = 0
    for (offset, record) in batch.enumerated() {
      let index = first + next + offset
      guard let record else {
        pages.append(GetPage(index: index, outcome: .missing))
        continue
      }
      let page = try page(index, record, results[taken])
      taken += 1
      if page.outcome == .missing, !sparse {
        isOver = true
        break
      }
      pages.append(page)
      if page.outcome == .dataLoss, !sparse {
        isOver = true
        break
      }
    }
    next = end
    return pages.isEmpty ? nil : pages
  }

  private func page(
    _ index: Int, _ record: PageRecord, _ result: Result<PageLease, PageReadError>
  ) throws(EngineError) -> GetPage {
    switch result {
    case .success(let lease):
      engine.counters.pagesRead.add()
      engine.counters.bytesRead.add(Int(record.location.rawBytes))
      namespace.bytesOut.wrappingAdd(UInt64(record.location.rawBytes), ordering: .relaxed)
      return GetPage(index: index, location: record.location, lease: lease)
    case .failure(.segmentGone): return GetPage(index: index, outcome: .missing)
    case .failure(.memoryExhausted): throw .readMemoryExhausted(limit: engine.ledger.limitBytes)
    case .failure(let error):
      engine.counters.pagesDamaged.add()
      engine.logger.error("page \(record.name.id.hex) cannot be read: \(error)")
      if error.isDamage { engine.quarantineLater(record) }
      return GetPage(index: index, outcome: .dataLoss)
    }
  }
}
