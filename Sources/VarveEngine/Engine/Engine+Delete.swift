// Deletes and quarantine: control entries in the log, tombstones in the index, always synced before
// they are answered.

internal import Logging
package import VarveBase

extension Engine {
  /// Removes the asked pages that are there. Returns how many. Blocks until the log is synced.
  package func delete(_ slice: ChainSlice) throws(EngineError) -> Int {
    _ = try liveNamespace(slice.namespace)
    try checkWritable()
    let removed = try remove(slice, kind: .delete) { _ in true }
    counters.pagesDeleted.add(removed)
    return removed
  }

  /// The page is read again past every cache; bad bytes take it out of service.
  ///
  /// - Returns: whether it was found bad. A page that is absent is not confirmed.
  package func reportCorrupt(_ namespace: UInt32, _ id: PageID) throws(EngineError) -> Bool {
    _ = try liveNamespace(namespace)
    let name = PageName(namespace: namespace, id: id)
    guard let record = try record(of: name) else { return false }
    return try confirmDamage(name, at: record.location)
  }

  /// Reads the page past every cache and quarantines it if its bytes are bad; whether they are.
  private func confirmDamage(
    _ name: PageName, at location: Location
  ) throws(EngineError) -> Bool {
    guard let handle = try? keeper.handle(location.segment) else { return false }
    do throws(PageReadError) {
      try arena.reread(location) { _ in handle.reader }
      return false
    } catch {
      guard error.isDamage else { throw .storage("\(error)") }
      return try quarantine(name, at: location)
    }
  }

  /// Makes a page that was found bad absent, so that the next put can store it again; but only when
  /// a second read finds it bad as well: one bad read must not cost a page.
  func quarantineLater(_ name: PageName, at location: Location) {
    // A full queue leaves it to the next reader who finds it.
    try? background { [self] in
      do {
        _ = try confirmDamage(name, at: location)
      } catch {
        logger.error("page \(name.id.hex) stays in service though damaged: \(error)")
      }
    }
  }

  /// Takes a page that was found bad out of service; true when it still was in.
  @discardableResult
  func quarantine(_ name: PageName, at location: Location) throws(EngineError) -> Bool {
    try checkWritable()
    let slice = ChainSlice(namespace: name.namespace, ids: [name.id], first: 0, count: 1)
    let removed = try remove(slice, kind: .quarantine) { $0.location == location }
    guard removed > 0 else { return false }
    quarantined.add(removed)
    logger.error(
      "page \(name.id.hex) in segment \(location.segment) was damaged: out of service")
    return true
  }

  /// Ends the copies of the asked pages that `condition` names; how many there were.
  ///
  /// Removals are serialized from looking up to the tombstone, so that two of one page count once.
  private func remove(
    _ slice: ChainSlice, kind: ControlEntry.Kind, where condition: (PageRecord) -> Bool
  ) throws(EngineError) -> Int {
    if log.hasLost { try repairLost() }
    let repaired = repairedFailures
    let removed = try removals.withLock { (_) throws(EngineError) in
      let found = try records(of: slice).compactMap { $0 }.filter(condition)
      try append(found, kind: kind)
      return found.count
    }
    // Also when nothing was there: it may be an earlier delete's unsynced tombstone that said so.
    try syncNow()
    guard log.syncFailures == repaired else { throw .storage("a sync failed meanwhile") }
    return removed
  }

  private func append(_ records: [PageRecord], kind: ControlEntry.Kind) throws(EngineError) {
    guard !records.isEmpty else { return }
    let first = takeSequences(records.count)
    let entries = records.enumerated().map { index, record in
      ControlEntry(
        kind: kind, name: record.name, sequence: first + UInt64(index), place: record.place)
    }
    do {
      _ = try log.append(controls: entries) {
        index.delete(
          zip(entries, records).map { entry, record in
            (Tombstone(name: entry.name, sequence: entry.sequence, place: entry.place), record)
          })
        for record in records { keeper.uncount(record) }
      }
    } catch {
      throw refused(error)
    }
  }
}

extension PageReadError {
  /// The disk answered, and its bytes are not the page's: reading again will not help.
  var isDamage: Bool {
    switch self {
    case .corrupt, .cutOff, .unsupportedCodec: true
    case .log, .memoryExhausted, .segmentGone: false
    }
  }
}
