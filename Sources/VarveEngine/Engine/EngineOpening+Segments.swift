// The second half of opening: which segment files count, and what the tail of the log says.

internal import Logging
internal import VarveBase
internal import VarveFile

extension EngineOpening {
  /// Brings files and manifest into agreement; gives the segments that count, by number.
  ///
  /// A file the manifest does not name is left from a crash between dropping and unlinking, or from
  /// an admission that was never committed: nothing in it counts, so it goes.
  func adoptSegments(_ keeper: SegmentKeeper, _ manifest: ManifestStore) throws(EngineOpenError)
    -> [SegmentListing]
  {
    let known = manifest.state.segments
    var listings: [SegmentListing] = []
    var edits: [ManifestEdit] = []
    var missing = Set(known.keys)
    for first in try storage({ () throws(LogError) in
      try SegmentListing.list(files, directory: segmentsDirectory)
    }) {
      let listing = try lookedAtTwice(first)
      if case .foreign = listing.state {
        logger.warning("\(listing.path) is not a segment: left alone, its bytes are counted")
        keeper.disk.adopt(DiskLedger.rounded(listing.fileBytes))
        continue
      }
      guard let entry = known[listing.number] else {
        try remove(listing)
        continue
      }
      missing.remove(listing.number)
      guard listing.header != nil else {
        // Not a byte of it can be trusted; the file stays out of the way of the rest.
        let word = entry.isSealed ? "damaged" : "unfinished"
        logger.error("segment \(listing.number) is \(word), its pages are absent: \(listing.state)")
        edits.append(.dropSegment(listing.number))
        try remove(listing)
        continue
      }
      keeper.adopt(listing)
      listings.append(listing)
      if case .sealed(_, let trailer) = listing.state, !entry.isSealed {
        edits.append(.sealSegment(SegmentEntry(trailer.summary(fileBytes: listing.fileBytes))))
      }
    }
    for number in missing.sorted() {
      if known[number]?.isSealed == true {
        logger.error("segment \(number) is missing: its pages are absent")
      }
      edits.append(.dropSegment(number))
    }
    try commit(edits, manifest)
    return listings
  }

  /// What seems unreadable is read once more before it is given up: one bad read must not cost a
  /// segment.
  private func lookedAtTwice(_ listing: SegmentListing) throws(EngineOpenError) -> SegmentListing {
    guard case .unreadable = listing.state else { return listing }
    return try storage { () throws(LogError) in
      try SegmentListing(files, directory: segmentsDirectory, name: listing.name)
    }
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

  /// Takes what the tables do not have yet from the segments from `replayFrom` on, and seals the
  /// segments that the last stop left open.
  func replay(
    _ listings: [SegmentListing], _ manifest: ManifestStore, _ keeper: SegmentKeeper,
    _ namespaces: NamespaceTable, _ replay: inout LogReplay
  ) throws(EngineOpenError) {
    let scanner = SegmentScanner(files, directory: segmentsDirectory)
    let from = manifest.state.replayFrom
    for listing in listings {
      let isUnsealed = if case .unsealed = listing.state { true } else { false }
      guard listing.number >= from.segment || isUnsealed else { continue }
      var scan = try storage { () throws(LogError) in try scanner.scan(listing) }
      if scan.pagesDropped + scan.blocksSkipped > 0 {
        // A crash leaves such a tail, and so does one bad read; what is left out of the footer now
        // is gone for good, so it is read once more.
        let second = try storage { () throws(LogError) in try scanner.scan(listing) }
        if second.pageCount > scan.pageCount { scan = second }
      }
      if case .damagedFooter(let error) = scan.source {
        logger.error("segment \(listing.number): read without its footer: \(error)")
      }
      if scan.pagesDropped > 0 {
        logger.warning(
          "segment \(listing.number): \(scan.pagesDropped) pages of its tail were never whole")
      }
      for extent in scan.extents where extent.position >= from {
        do {
          try replay.apply(extent)
        } catch {
          throw opened(error)
        }
      }
      if isUnsealed, let failure = seal(listing, scan, keeper, namespaces) {
        replay.syncFailure = failure
      }
    }
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

  mutating func apply(_ extent: ScannedExtent) throws(IndexError) {
    for page in extent.pages {
      lastSequence = max(lastSequence, page.birth)
      guard namespaces[page.name.namespace] != nil else { continue }
      switch try index.snapshot().find(page.name) {
      case .page(let other) where other.birth >= page.birth: continue
      case .deleted(let sequence) where sequence > page.birth: continue
      default: break
      }
      guard keeper.count(page) else { continue }
      index.insert([page])
      pages += 1
    }
    for control in extent.controls {
      lastSequence = max(lastSequence, control.sequence)
      guard control.kind == .delete || control.kind == .quarantine else { continue }
      // A retired namespace's pages were not counted: there is nothing to take back.
      guard namespaces[control.name.namespace] != nil else { continue }
      if case .page(let page) = try index.snapshot().find(control.name),
        page.birth < control.sequence
      {
        keeper.uncount(page)
      }
      index.delete([
        Tombstone(name: control.name, sequence: control.sequence, place: control.place)
      ])
    }
  }
}
