// One scrub on its way: segment by segment, extent by extent, judged against the index, which alone
// says what a get would give.

internal import Logging
internal import VarveBase

/// One scrub on its way.
struct Scrub {
  private let engine: Engine
  private let progress: (WorkProgress) -> Bool
  private let buffer = AlignedBuffer(byteCount: Limits.scrubReadBytes)
  private let alarm = Monitor(())
  private var pace: Pace?
  private var meter: WorkMeter
  /// Bytes of the segments done, and of those this one will add.
  private var doneBefore: UInt64 = 0
  private var planned: UInt64 = 0
  private var isStopped = false
  private(set) var counts = ScrubCounts()

  init(
    _ engine: Engine, bytesPerSecond: Double?, total: UInt64,
    progress: @escaping (WorkProgress) -> Bool
  ) {
    self.engine = engine
    self.progress = progress
    let now = SystemClock().monotonicNanos()
    pace = bytesPerSecond.map { Pace(bytesPerSecond: $0, nowNanos: now) }
    // Waits are on the machine's clock even where a test stops the store's.
    meter = WorkMeter(clock: SystemClock(), total: total)
  }

  mutating func run(_ segments: [(number: UInt64, bytes: UInt64)]) throws(EngineError) {
    tell("scrub", done: 0)
    for (number, bytes) in segments {
      guard !isStopped else { break }
      planned = bytes
      try scrub(number)
      doneBefore += bytes
    }
    if engine.isClosed { throw .closed }
    if !isStopped { tell("done", done: meter.total) }
  }

  // MARK: - Segments

  private mutating func scrub(_ number: UInt64) throws(EngineError) {
    do throws(LogError) {
      guard let handle = try engine.keeper.handle(number) else { return }
      defer { withExtendedLifetime(handle) {} }
      let listing = try SegmentListing(
        engine.files, directory: engine.keeper.directory, name: SegmentFormat.fileName(number))
      counts.segments += 1
      var seen: Set<UInt32> = []
      if let damage = listing.headerDamage { bad(header: "segment \(number): \(damage)") }
      guard listing.header != nil else {
        bad(header: "segment \(number): \(listing.state)")
        return try rest(of: number, handle.reader, listing.fileBytes, seen)
      }
      let scan = try SegmentScanner(engine.files, directory: engine.keeper.directory)
        .scan(listing, check: .none)
      if case .damagedFooter(let error) = scan.source { bad(header: "segment \(number): \(error)") }
      if let error = scan.unreadable { bad(header: "segment \(number): \(error)") }
      for extent in scan.extents {
        try self.extent(extent, handle.reader, isSealed: scan.source == .footer)
        seen.formUnion(extent.pages.map(\.location.offset))
        guard !isStopped, engine.keeper.table.live.contains(number) else { return }
      }
      if scan.source != .footer { try rest(of: number, handle.reader, listing.fileBytes, seen) }
    } catch {
      // Evicted between the two looks: gone is gone.
      guard engine.keeper.table.live.contains(number) else { return }
      bad(header: "segment \(number) cannot be read: \(error)")
    }
  }

  private mutating func extent(
    _ extent: ScannedExtent, _ reader: SegmentReader, isSealed: Bool
  ) throws(LogError) {
    var window = SegmentWindow(reader, through: buffer, endOffset: extent.endOffset)
    // What came from a footer says nothing of the copy that lies before the pages.
    if isSealed, !extent.header.isRemade { try header(of: extent, &window) }
    for page in extent.pages {
      guard !isStopped else { return }
      judge(page.name, page.location, &window)
    }
  }

  private mutating func header(
    of extent: ScannedExtent, _ window: inout SegmentWindow
  ) throws(LogError) {
    let start = extent.position.offset
    var found: [UInt8] = []
    let end = start + UInt64(extent.headerUsed.count)
    do throws(LogError) {
      while start + UInt64(found.count) < end {
        let got = unsafe try window.piece(at: start + UInt64(found.count), end: end) { bytes in
          unsafe found.append(contentsOf: bytes)
        }
        if got == 0 { break }
      }
    } catch {
      guard error.isDamage else { throw error }
      return bad(header: "segment \(extent.position.segment): the extent at \(start): \(error)")
    }
    pay(&window)
    guard found != extent.headerUsed else { return }
    bad(
      header: "segment \(extent.position.segment): the extent at \(start) is not what was written")
  }

  /// Pages of an unsealed or damaged segment that its extents did not tell of, by the index.
  private mutating func rest(
    of number: UInt64, _ reader: SegmentReader, _ fileBytes: UInt64, _ seen: Set<UInt32>
  ) throws(LogError) {
    var hidden: [PageRecord] = []
    let snapshot = engine.index.snapshot()
    do throws(IndexError) {
      for memtable in snapshot.memtables {
        for case .page(let page) in memtable.contents().entries
        where page.location.segment == number && !seen.contains(page.location.offset) {
          hidden.append(page)
        }
      }
      try Merge.visitPages(snapshot.tables) { namespace, record in
        guard record.location.segment == number, !seen.contains(record.location.offset) else {
          return
        }
        hidden.append(record.page(namespace, at: WindowPlace(firstAfter: .zero)))
      }
    } catch {
      bad(header: "the index cannot be read: \(error)")
    }
    var judged: Set<UInt32> = []
    for page in hidden.sorted(by: { $0.location.offset < $1.location.offset }) {
      guard !isStopped else { return }
      guard judged.insert(page.location.offset).inserted else { continue }
      let end = UInt64(page.location.offset) + UInt64(page.location.storedBytes)
      var window = SegmentWindow(
        reader, through: buffer, endOffset: max(end, SegmentFormat.padded(end)))
      judge(page.name, page.location, &window)
    }
  }

  // MARK: - Pages

  /// Verifies a page if it is the one that a get would give.
  private mutating func judge(
    _ name: PageName, _ location: Location, _ window: inout SegmentWindow
  ) {
    guard let record = record(name, location) else { return }
    do throws(LogError) {
      var found = try checksum(location, &window)
      if found != location.checksum {
        // Once more: a slip on the way from the disk is not damage on it.
        window.forget()
        found = try checksum(location, &window)
      }
      guard !isStopped, engine.keeper.table.live.contains(location.segment) else { return }
      counts.pagesChecked += 1
      if found != location.checksum { damaged(record, found.map { "checksum \($0)" } ?? "cut off") }
    } catch {
      guard engine.keeper.table.live.contains(location.segment) else { return }
      counts.pagesChecked += 1
      counts.pagesBad += 1
      engine.counters.pagesDamaged.add()
      engine.logger.error("page \(name.id.hex) cannot be read: \(error)")
    }
  }

  /// The index's word on the page: it must name this very place. Asked before the page's bytes are
  /// read, so that an extent which is still being written is either whole or not asked for.
  private mutating func record(_ name: PageName, _ location: Location) -> PageRecord? {
    guard engine.namespaceTable[name.namespace] != nil else { return nil }
    do throws(IndexError) {
      guard case .page(let record) = try engine.index.snapshot().find(name),
        record.location == location, !record.isExpired(atMillis: engine.clock.wallMillis())
      else { return nil }
      return record
    } catch {
      bad(header: "the index cannot be read: \(error)")
      return nil
    }
  }

  /// The XXH3 of a page's bytes on disk; nil where the file ends before.
  private mutating func checksum(
    _ location: Location, _ window: inout SegmentWindow
  ) throws(LogError) -> UInt64? {
    var hash = XXH3.Stream()
    var at = UInt64(location.offset)
    let end = at + UInt64(location.storedBytes)
    while at < end, !isStopped {
      let got = unsafe try window.piece(at: at, end: end) { unsafe hash.update($0) }
      pay(&window)
      if got == 0 { return nil }
      at += UInt64(got)
    }
    // Stopped in the middle: nothing was found out.
    return isStopped ? location.checksum : hash.digest()
  }

  private mutating func damaged(_ record: PageRecord, _ what: String) {
    counts.pagesBad += 1
    engine.counters.pagesDamaged.add()
    let location = record.location
    engine.logger.error(
      "page \(record.name.id.hex) in segment \(location.segment) at \(location.offset): \(what)")
    engine.arena.drop(location)
    do {
      if try engine.quarantine(record.name, at: record.location) { counts.pagesQuarantined += 1 }
    } catch {
      engine.logger.error("page \(record.name.id.hex) stays in service though damaged: \(error)")
    }
  }

  private mutating func bad(header what: String) {
    counts.headersBad += 1
    engine.logger.error("scrub: \(what)")
  }

  // MARK: - Pace and progress

  /// Counts what the window read, tells how far it is, and waits as the rate demands.
  private mutating func pay(_ window: inout SegmentWindow) {
    let bytes = window.takeBytesRead()
    guard bytes > 0 else { return }
    counts.bytesRead += UInt64(bytes)
    let most = doneBefore + planned
    let step = min(bytes, Int(most - min(most, meter.done)))
    meter.result = counts.result
    if let step = meter.advance(step, "scrub"), !progress(step) { isStopped = true }
    let now = SystemClock().monotonicNanos()
    guard let delay = pace?.delayNanos(after: bytes, nowNanos: now) else { return }
    wait(until: now + delay)
  }

  /// Waits in short stretches, so that an end is heard of soon.
  private mutating func wait(until deadline: UInt64) {
    while !isStopped, !engine.isClosed {
      let now = SystemClock().monotonicNanos()
      guard now < deadline else { return }
      let until = min(deadline, now + Limits.workStepNanos)
      _ = alarm.wait(until: until) { (_) -> Bool? in nil }
      if let step = meter.advance(0, "scrub"), !progress(step) { isStopped = true }
    }
    if engine.isClosed { isStopped = true }
  }

  private mutating func tell(_ stage: String, done: UInt64) {
    meter.result = counts.result
    if !progress(meter.step(stage, done: done)) { isStopped = true }
  }
}
