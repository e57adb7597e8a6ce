// The part of opening about the log: which segment files count, and what its tail says.

internal import Logging
internal import VarveBase
internal import VarveFile

extension EngineOpening {
  /// Everything there is. What seems unreadable is read once more before anybody draws conclusions:
  /// one bad read must not cost a segment.
  func listSegments() throws(EngineOpenError) -> [SegmentListing] {
    try storage { () throws(LogError) in
      var listings = try SegmentListing.list(files, directory: segmentsDirectory)
      for index in listings.indices {
        guard case .unreadable = listings[index].state else { continue }
        listings[index] = try SegmentListing(
          files, directory: segmentsDirectory, name: listings[index].name)
      }
      return listings
    }
  }

  /// Brings files and manifest into agreement; gives the segments that count, by number.
  ///
  /// A file that the manifest knew and names no more was dropped: nothing in it counts, so it goes.
  /// One whose number it never gave out can only be there because its last batch was damaged after
  /// it was synced (the number is committed before the file is made): that one counts.
  func adoptSegments(
    _ found: [SegmentListing], _ keeper: SegmentKeeper, _ manifest: ManifestStore
  ) throws(EngineOpenError) -> [SegmentListing] {
    let state = manifest.state
    var listings: [SegmentListing] = []
    var edits: [ManifestEdit] = []
    var missing = Set(state.segments.keys)
    var allAreSealed = true
    for listing in found where try isThere(listing) {
      if case .foreign = listing.state {
        logger.warning("\(listing.path) is not a segment: left alone, its bytes are counted")
        keeper.disk.adopt(DiskLedger.rounded(listing.fileBytes))
        continue
      }
      let entry = state.segments[listing.number]
      if entry == nil, listing.number < state.nextSegment {
        try remove(listing)
        continue
      }
      missing.remove(listing.number)
      guard listing.header != nil else {
        try setAside(listing, entry, keeper)
        if entry != nil { edits.append(.dropSegment(listing.number)) }
        continue
      }
      if entry == nil {
        logger.error("segment \(listing.number) is not in the manifest, which lost it: taken back")
        edits.append(.addSegment(listing.number))
      }
      if entry?.isSealed != true { allAreSealed = false }
      keeper.adopt(listing)
      listings.append(listing)
      tell(listing, entry)
    }
    for number in missing.sorted() {
      if let entry = state.segments[number], entry.isSealed {
        logger.error("segment \(number) is missing: its \(entry.pages) pages are absent")
        counters.lost(entry)
      }
      edits.append(.dropSegment(number))
    }
    // A process killed between making a segment and syncing its name left one that the next power
    // cut takes: it must not be noted as sealed before.
    if !allAreSealed { try syncNames() }
    try commit(edits, manifest)
    return listings
  }

  private func syncNames() throws(EngineOpenError) {
    do throws(FileError) {
      try files.syncDirectory(segmentsDirectory)
    } catch {
      throw .io(path: segmentsDirectory, what: "\(error)")
    }
  }

  /// It may have gone since it was listed, to make room on a full disk.
  private func isThere(_ listing: SegmentListing) throws(EngineOpenError) -> Bool {
    do throws(FileError) {
      return try files.exists(listing.path)
    } catch {
      throw .io(path: listing.path, what: "\(error)")
    }
  }

  private func tell(_ listing: SegmentListing, _ entry: SegmentEntry?) {
    if let damage = listing.headerDamage {
      logger.error("segment \(listing.number) is read by a copy of its header: \(damage)")
    }
    if case .unsealed = listing.state, entry?.isSealed == true {
      logger.error("segment \(listing.number) lost its trailer: read by its extents, sealed again")
    }
  }

  /// Not a byte of the segment can be trusted. One that never held an extent goes; another is kept
  /// under a name that no start looks at, for whoever wants to know why.
  private func setAside(
    _ listing: SegmentListing, _ entry: SegmentEntry?, _ keeper: SegmentKeeper
  ) throws(EngineOpenError) {
    guard entry?.isSealed == true || listing.fileBytes > UInt64(SegmentHeader.byteCount) else {
      logger.warning("segment \(listing.number) was never begun: \(listing.state)")
      return try remove(listing)
    }
    let pages = entry.map { $0.isSealed ? "\($0.pages)" : "unsealed" } ?? "unknown"
    logger.error(
      "segment \(listing.number) is damaged, its \(pages) pages are absent: \(listing.state)")
    counters.lost(entry)
    do throws(FileError) {
      try files.rename(listing.path, to: listing.path + ".damaged")
    } catch {
      throw .io(path: listing.path, what: "\(error)")
    }
    keeper.disk.adopt(DiskLedger.rounded(listing.fileBytes))
  }

  private func remove(_ listing: SegmentListing) throws(EngineOpenError) {
    do throws(FileError) {
      try files.remove(listing.path)
    } catch {
      throw .io(path: listing.path, what: "\(error)")
    }
  }

  func commit(_ edits: [ManifestEdit], _ manifest: ManifestStore) throws(EngineOpenError) {
    do {
      try manifest.commit(edits)
    } catch {
      throw opened(error)
    }
  }

  /// Takes what the tables do not have yet from the segments from `replayFrom` on, seals the
  /// segments that the last stop left open, and confirms those whose footer the manifest does not
  /// know.
  func replay(
    _ listings: [SegmentListing], _ manifest: ManifestStore, _ keeper: SegmentKeeper,
    _ namespaces: NamespaceTable, _ replay: inout LogReplay
  ) throws(EngineOpenError) {
    let from = manifest.state.replayFrom
    var mayFlush = true
    for listing in listings {
      let isUnsealed = if case .unsealed = listing.state { true } else { false }
      let isKnownSealed = manifest.state.segments[listing.number]?.isSealed == true
      // A flush below may have made room by evicting it.
      guard keeper.table.live.contains(listing.number),
        listing.number >= from.segment || isUnsealed || !isKnownSealed
      else { continue }
      let lostItsTrailer = isUnsealed && isKnownSealed
      guard var scan = try scan(listing, keeper, everyPage: lostItsTrailer) else { continue }
      // A crash leaves a torn tail, and so does one bad read; what is left out of the footer now is
      // gone for good, so it is read once more.
      if scan.pagesDropped + scan.blocksSkipped > 0,
        let second = try self.scan(listing, keeper, everyPage: lostItsTrailer),
        second.pageCount > scan.pageCount
      {
        scan = second
      }
      for extent in scan.extents where extent.position >= from {
        do {
          try replay.apply(extent)
        } catch {
          throw opened(error)
        }
      }
      if case .damagedFooter(let error) = scan.source, isKnownSealed {
        logger.error("segment \(listing.number): read without its footer: \(error)")
      }
      var failure: LogError?
      if isUnsealed {
        failure = seal(listing, scan, keeper, namespaces)
      } else if !isKnownSealed {
        failure = confirm(listing, scan, keeper, namespaces)
      }
      if let failure {
        replay.syncFailure = failure
        mayFlush = false
      }
      // A table may only name what is synced, which an unsealed segment is by its sealing.
      guard mayFlush else { continue }
      do throws(IndexError) {
        try replay.flushIfFull(before: LogPosition(segment: listing.number + 1, offset: 0))
      } catch {
        throw opened(error)
      }
    }
  }

  /// What the segment holds; nil where the disk cannot give it.
  private func scan(
    _ listing: SegmentListing, _ keeper: SegmentKeeper, everyPage: Bool
  ) throws(EngineOpenError) -> SegmentScan? {
    let scanner = SegmentScanner(files, directory: segmentsDirectory)
    do throws(LogError) {
      let check: PayloadCheck = everyPage ? .all : .beyondSynced
      let scan: SegmentScan
      do throws(LogError) {
        scan = try scanner.scan(listing, check: check)
      } catch {
        guard error.isDamage else { throw error }
        // One failure to open must not cost what the segment holds: it is tried once more.
        scan = try scanner.scan(listing, check: check)
      }
      if scan.pagesDropped > 0 {
        logger.warning(
          "segment \(listing.number): \(scan.pagesDropped) pages of its tail were never whole")
        counters.recoveryPagesDropped.add(scan.pagesDropped)
      }
      if let error = scan.unreadable {
        logger.error("segment \(listing.number): not all of it can be read: \(error)")
      }
      return scan
    } catch {
      guard error.isDamage else { throw opened(error) }
      logger.error("segment \(listing.number) cannot be read to its end: \(error)")
      counters.recoverySegmentsLost.add()
      keeper.table.setPhase(listing.number, .sealed)
      return nil
    }
  }

  /// A footer that was written before the last stop and of which the manifest knows nothing: it may
  /// not be on the disk yet, and a crash may have torn it. Made durable, or made anew.
  private func confirm(
    _ listing: SegmentListing, _ scan: SegmentScan, _ keeper: SegmentKeeper,
    _ namespaces: NamespaceTable
  ) -> LogError? {
    guard case .sealed(_, let trailer) = listing.state, scan.source == .footer else {
      logger.notice("segment \(listing.number): its footer was torn off and is made anew")
      return seal(listing.unsealed, scan, keeper, namespaces)
    }
    if let failure = syncOnly(listing) { return failure }
    keeper.segmentSealed(trailer.summary(fileBytes: listing.fileBytes))
    return nil
  }

  /// Syncs the segment and gives it its footer. Returns why its pages may not be durable, nil when
  /// they are.
  private func seal(
    _ listing: SegmentListing, _ scan: SegmentScan, _ keeper: SegmentKeeper,
    _ namespaces: NamespaceTable
  ) -> LogError? {
    do throws(LogError) {
      let summary = try SegmentSealer.seal(files, listing, scan) { namespaces[$0]?.name }
      keeper.segmentSealed(summary)
      return nil
    } catch {
      // Without a footer it is read by its extents at every start; that is slower, not wrong.
      logger.warning("segment \(listing.number) stays without a footer: \(error)")
      keeper.table.setPhase(listing.number, .sealed)
      // A failed sync is never tried again; what failed elsewhere may have come before the sync.
      if case .syncFailed = error { return error }
      return syncOnly(listing)
    }
  }

  private func syncOnly(_ listing: SegmentListing) -> LogError? {
    do throws(FileError) {
      try files.open(listing.path, .readWrite(direct: false)).sync()
      return nil
    } catch {
      return .syncFailed(error)
    }
  }
}

extension PageRecord {
  /// Of two copies of a name: the later birth; of one birth, the copy that was moved last.
  func wins(over other: PageRecord) -> Bool {
    (birth, location.segment) > (other.birth, other.location.segment)
  }
}

extension SegmentEntry {
  init(_ summary: SegmentSummary) {
    self.init(
      number: summary.number, isSealed: true, bytes: summary.fileBytes,
      pages: UInt64(summary.pageCount), sequenceMax: summary.sequenceMax)
  }
}

/// Applies the log's tail to the index. What the tables have already is recognised by its birth, so
/// replaying too much changes nothing.
struct LogReplay {
  let index: IndexKeeper
  let keeper: SegmentKeeper
  let namespaces: NamespaceTable
  private(set) var lastSequence: UInt64
  private(set) var pages = 0
  /// Some of what was replayed may not be durable, and never will be in this process.
  var syncFailure: LogError?

  init(
    index: IndexKeeper, keeper: SegmentKeeper, namespaces: NamespaceTable, lastSequence: UInt64
  ) {
    self.index = index
    self.keeper = keeper
    self.namespaces = namespaces
    self.lastSequence = lastSequence
  }

  /// Writes a full memtable to a table, so that a rebuild of any size fits the memory there is.
  /// Everything before `position` has been applied.
  func flushIfFull(before position: LogPosition) throws(IndexError) {
    _ = try index.flushRecovered(replayFrom: position, lastSequence: lastSequence)
  }

  mutating func apply(_ extent: ScannedExtent) throws(IndexError) {
    for page in extent.pages {
      lastSequence = max(lastSequence, page.birth)
      guard namespaces[page.name.namespace] != nil else { continue }
      var loser: PageRecord?
      switch try index.snapshot().find(page.name) {
      case .page(let other):
        guard page.wins(over: other) else { continue }
        loser = other
      case .deleted(let sequence) where sequence > page.birth: continue
      default: break
      }
      guard keeper.count(page) else { continue }
      if let loser { keeper.uncount(loser) }
      index.insert(page, ending: loser)
      pages += 1
    }
    for control in extent.controls {
      lastSequence = max(lastSequence, control.sequence)
      guard control.kind == .delete || control.kind == .quarantine else { continue }
      // A retired namespace's pages were not counted: there is nothing to take back.
      guard namespaces[control.name.namespace] != nil else { continue }
      var ended: PageRecord?
      if case .page(let page) = try index.snapshot().find(control.name),
        page.birth < control.sequence
      {
        keeper.uncount(page)
        ended = page
      }
      let tombstone = Tombstone(
        name: control.name, sequence: control.sequence, place: control.place)
      index.delete([(tombstone, ended)])
    }
  }
}
