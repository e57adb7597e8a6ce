// From a verified buffer to a stored extent: log, index, counts, arena, in this order. Runs on an
// I/O thread.

internal import Logging
internal import Synchronization
internal import VarveBase
internal import VarveFile

extension Engine {
  /// Writes one extent. All its pages share the outcome: `stored`, `noSpace` or `notAttempted`.
  func store(
    _ pages: [VerifiedPage], in buffer: ExtentBuffer, namespace: LiveNamespace, ttlSeconds: UInt64
  ) -> PageOutcome {
    guard !namespace.isRetired, isWritable else { return .notAttempted }
    if index.behind != nil { stall() }
    let started = clock.monotonicNanos()
    let pending = pendingPages(pages, ttlSeconds: ttlSeconds, of: namespace)
    var counted = true
    let receipt: AppendReceipt
    do {
      receipt = try log.append(buffer, pages: pending) { receipt in
        let records = records(pending, receipt.locations)
        // Counted before they can be found, so that a delete never takes what was not yet added.
        for record in records { counted = keeper.count(record) && counted }
        if index.insert(records) { threads.wakeIndexer() }
      }
    } catch {
      return outcome(of: error, pages: pages.count)
    }
    keepHot(pages, receipt.locations, in: buffer, of: namespace.id)
    if log.dirtyBytes >= Limits.syncStartBytesMin { threads.wakeSyncer() }
    putNanos.record(nanos: clock.monotonicNanos() - started)
    let bytes = pages.reduce(0) { $0 + Int($1.planned.rawBytes) }
    counters.pagesStored.add(pages.count)
    counters.bytesStored.add(bytes)
    namespace.bytesIn.wrappingAdd(UInt64(bytes), ordering: .relaxed)
    return counted ? .stored : .notAttempted
  }

  /// Holds a put back while the index is behind.
  private func stall() {
    let started = clock.monotonicNanos()
    counters.stalls.add()
    if configuration.simulation == nil { index.waitForRoom() } else { indexStep() }
    stallNanos.record(nanos: clock.monotonicNanos() - started)
  }

  /// Pages just stored can be got from memory: where they were received, or as copies.
  private func keepHot(
    _ pages: [VerifiedPage], _ locations: [Location], in buffer: ExtentBuffer,
    of namespace: UInt32
  ) {
    if let staged = buffer.takeStaged() {
      return staged.adopt(
        zip(pages, locations).map { ($0.payloadOffset, $1) }, of: namespace)
    }
    for (page, location) in zip(pages, locations) {
      unsafe arena.insertCopy(
        location, of: namespace,
        UnsafeRawBufferPointer(
          buffer.payload(offset: page.payloadOffset, count: Int(page.planned.rawBytes))))
    }
  }

  private func records(_ pages: [PendingPage], _ locations: [Location]) -> [PageRecord] {
    zip(pages, locations).map { page, location in
      PageRecord(
        name: page.name, birth: page.birth, location: location, putMillis: page.putMillis,
        expirySeconds: page.expirySeconds, place: page.place)
    }
  }

  private func pendingPages(
    _ pages: [VerifiedPage], ttlSeconds: UInt64, of namespace: LiveNamespace
  ) -> [PendingPage] {
    let now = clock.wallMillis()
    let ttl = ttlSeconds == 0 ? namespace.options.ttlSeconds : ttlSeconds
    // A lifetime beyond the end of the clock never ends.
    let (end, overflows) = (now / 1000).addingReportingOverflow(ttl)
    let expiry = ttl == 0 || overflows ? 0 : end
    let first = takeSequences(pages.count)
    return pages.enumerated().map { index, page in
      PendingPage(
        name: page.planned.name, birth: first + UInt64(index), rawBytes: page.planned.rawBytes,
        checksum: page.planned.checksum, putMillis: now, expirySeconds: expiry,
        place: page.planned.place, payloadOffset: page.payloadOffset)
    }
  }

  private func outcome(of error: LogError, pages: Int) -> PageOutcome {
    switch error {
    case .noSpace:
      counters.noSpace.add(pages)
      return .noSpace
    case .file(let error) where error.isNoSpace:
      counters.noSpace.add(pages)
      return .noSpace
    case .syncFailed: _ = refused(error)
    case .closed: break
    default: logger.error("an extent was not written: \(error)")
    }
    return .notAttempted
  }
}
