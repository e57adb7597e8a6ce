// The log's landlord: admits segments within the capacity, lets the oldest go when room is needed,
// and keeps the counts of what each holds. "Oldest first" is the policy of now; whoever brings
// another replaces `SegmentTable.oldestSealed`.

internal import Logging
internal import VarveBase
internal import VarveFile

/// Owns the disk bound and the segments' lives. One lock orders admission and eviction.
final class SegmentKeeper: SegmentHost {
  let table: SegmentTable
  let disk: DiskLedger
  private let segmentBytes: UInt64
  let directory: String
  private let minFree: UInt64
  private let files: any FileSystem
  private let clock: any Clock
  private let manifest: ManifestStore
  private let namespaces: NamespaceTable
  private let arena: PageArena
  private let counters: EngineCounters
  private let logger: Logger
  private let admission = Locked(())
  /// True at first: nobody knows what the start before this one removed.
  private let removalIsUnsynced = Locked(true)
  private let hooks = Locked<Hooks?>(nil)

  /// What the keeper needs of the log it serves; set once, after both are made.
  struct Hooks: Sendable {
    /// Gives every full segment its footer, so that it may be evicted.
    let sealFull: @Sendable () throws(LogError) -> Void
    /// A segment became full: sealing it can begin.
    let segmentIsFull: @Sendable () -> Void
  }

  func setHooks(_ hooks: Hooks) { self.hooks.withLock { $0 = hooks } }

  init(
    configuration: EngineConfiguration, disk: DiskLedger, files: any FileSystem, clock: any Clock,
    manifest: ManifestStore, namespaces: NamespaceTable, arena: PageArena,
    counters: EngineCounters, logger: Logger, fingerprints: Fingerprints
  ) {
    table = SegmentTable(fingerprints)
    segmentBytes = UInt64(configuration.segmentBytesInForce)
    directory = configuration.directory + "/segments"
    minFree = configuration.minFreeBytes ?? Self.defaultMinFree(files, configuration.directory)
    self.disk = disk
    self.files = files
    self.clock = clock
    self.manifest = manifest
    self.namespaces = namespaces
    self.arena = arena
    self.counters = counters
    self.logger = logger
  }

  /// 2 % of the file system; nothing where it cannot be asked.
  private static func defaultMinFree(_ files: any FileSystem, _ directory: String) -> UInt64 {
    let total = (try? files.totalBytes(directory)) ?? 0
    return total / 100 * Limits.minFreePercent
  }

  // MARK: - SegmentHost

  /// Called by one appending thread at a time (the log's own rule), so that numbers are its own.
  func admitSegment() throws(LogError) -> UInt64 {
    try makeFree(segmentBytes)
    try makeRoom(segmentBytes)
    do {
      let number = manifest.state.nextSegment
      try manifest.commit([.addSegment(number)])
      table.add(number, phase: .open, diskBytes: segmentBytes)
      table.fill(before: number)
      hooks.withLock { $0 }?.segmentIsFull()
      return number
    } catch {
      disk.release(segmentBytes)
      logger.error("no new segment: \(error)")
      throw .noSpace
    }
  }

  func segmentFailed(_ number: UInt64) {
    logger.error("segment \(number) could not be created")
    do {
      try manifest.commit([.dropSegment(number)])
    } catch {
      logger.error("segment \(number) stays in the manifest, empty: \(error)")
    }
    guard let entry = table.remove(number) else { return }
    // A file may have been made before the failure; the next start removes it too.
    try? files.remove(SegmentFormat.path(directory, number))
    disk.release(entry.diskBytes)
  }

  func segmentSealed(_ summary: SegmentSummary) {
    let entry = SegmentEntry(
      number: summary.number, isSealed: true, bytes: summary.fileBytes,
      pages: UInt64(summary.pageCount), sequenceMax: summary.sequenceMax)
    do {
      // One that lost its trailer and was sealed again at start is known as sealed.
      if manifest.state.segments[summary.number]?.isSealed != true {
        try manifest.commit([.sealSegment(entry)])
      }
    } catch {
      // The footer is on disk and says the same; the next start finds it there.
      logger.error("segment \(summary.number) was sealed but not noted: \(error)")
    }
    disk.release(table.seal(summary.number, diskBytes: DiskLedger.rounded(summary.fileBytes)))
  }

  /// Nothing is written to it any more, and its footer waits for the next start: for eviction that
  /// is as good as sealed.
  func segmentLost(_ number: UInt64, _ error: FileError) {
    counters.syncFailures.add()
    logger.critical("segment \(number) takes no more, what it had not synced is lost: \(error)")
    table.setPhase(number, .sealed)
  }

  func namespaceName(_ id: UInt32) -> String? { namespaces[id]?.name }

  /// Takes a segment over that lies on the disk at start.
  func adopt(_ listing: SegmentListing) {
    let bytes = DiskLedger.rounded(max(listing.fileBytes, listing.allocatedBytes))
    disk.adopt(bytes)
    if case .sealed = listing.state {
      table.add(listing.number, phase: .sealed, diskBytes: bytes)
    } else {
      // Its footer, if one is written, stays within the room reserved with its extents.
      disk.adopt(segmentBytes > bytes ? segmentBytes - bytes : 0)
      table.add(listing.number, phase: .full, diskBytes: max(bytes, segmentBytes))
    }
  }

  // MARK: - Room

  /// Reserves `bytes` on disk, evicting as far as it takes.
  func makeRoom(_ bytes: UInt64) throws(LogError) {
    let deadline = clock.monotonicNanos() + Limits.victimReaderNanosMax
    while !disk.reserve(bytes) {
      if disk.used - closing() + bytes > disk.capacity {
        if try evictOldest() { continue }
        // Nothing is sealed yet: writers outran the thread that seals.
        try hooks.withLock { $0 }?.sealFull()
        guard try evictOldest() else { throw .noSpace }
      } else if !disk.waitForRoom(bytes, until: deadline) {
        // Victims are gone, but readers still hold their files open.
        throw .noSpace
      }
    }
  }

  /// Sees that the file system keeps `minFree` when `bytes` more are written to it: evicts as far
  /// as it takes, and refuses where nothing is left to evict.
  private func makeFree(_ bytes: UInt64) throws(LogError) {
    guard minFree > 0 else { return }
    while try free() < minFree + bytes {
      guard try evictForFree() else { throw .noSpace }
    }
  }

  /// At start: a file system that others filled gets back what it takes, as far as sealed segments
  /// go. Puts find the rest out.
  func evictToMinFree() throws(LogError) {
    guard minFree > 0 else { return }
    let found = try free()
    guard found < minFree else { return }
    logger.error("\(found) bytes are free on the file system, less than min_free \(minFree)")
    while try free() < minFree, try evictForFree() {}
  }

  /// Some file systems give the blocks back only once the removal is on the disk.
  private func evictForFree() throws(LogError) -> Bool {
    guard try evictOldest() else { return false }
    try fileCall { () throws(FileError) in try files.syncDirectory(directory) }
    return true
  }

  /// Free bytes, those of victims included that a reader still holds open.
  private func free() throws(LogError) -> UInt64 {
    try fileCall { () throws(FileError) in try files.freeBytes(directory) } + closing()
  }

  /// Evicts ahead of need, so that the next segment is admitted without waiting for it.
  func makeRoomAhead() throws(LogError) {
    while disk.free < segmentBytes, try evictOldest() {}
  }

  /// Evicts, oldest first, until what is there is within the capacity; false when nothing more can
  /// go, or readers hold on to victims for too long.
  func shrink() throws(LogError) -> Bool {
    let deadline = clock.monotonicNanos() + Limits.victimReaderNanosMax
    while disk.isOver {
      if disk.used - closing() > disk.capacity {
        if try evictOldest() { continue }
        try hooks.withLock { $0 }?.sealFull()
        guard try evictOldest() else { return false }
      } else if !disk.waitForRoom(0, until: deadline) {
        return false
      }
    }
    return true
  }

  /// Bytes of unlinked segments that some reader still holds.
  func closing() -> UInt64 { closingBytes.withLock { $0 } }
  private let closingBytes = Locked(UInt64(0))

  /// Drops the oldest sealed segment; false when there is none.
  func evictOldest() throws(LogError) -> Bool {
    try admission.withLock { (_) throws(LogError) in
      guard let victim = table.oldestSealed() else { return false }
      try drop(victim, evicting: true)
      return true
    }
  }

  /// Drops sealed segments that hold no page any more; returns how many.
  func dropEmpty() throws(LogError) -> Int {
    let now = clock.wallMillis() / 1000
    return try admission.withLock { (_) throws(LogError) in
      var dropped = 0
      let alive = namespaces.ids
      for (number, entry) in table.all()
      where entry.phase == .sealed && entry.live(at: now, in: alive).pages == 0 {
        // A delete in it may be what keeps an older copy dead: only when nothing older lives.
        guard number == table.oldestSealed() else { continue }
        try drop(number, evicting: false)
        dropped += 1
      }
      return dropped
    }
  }

  /// Manifest, live bit, file, in this order: a crash in between leaves a file that the manifest
  /// does not know, which the next start removes.
  ///
  /// The removal before this one is on the disk first: should a crash undo removals and the
  /// manifest be damaged as well, what comes back is the newest of what was dropped, and every
  /// delete of its pages lies in segments that are still there.
  private func drop(_ number: UInt64, evicting: Bool) throws(LogError) {
    if removalIsUnsynced.withLock({ $0 }) {
      try fileCall { () throws(FileError) in try files.syncDirectory(directory) }
      removalIsUnsynced.withLock { $0 = false }
    }
    do {
      try manifest.commit([.dropSegment(number)])
    } catch {
      logger.error("segment \(number) cannot be dropped: \(error)")
      throw .noSpace
    }
    guard let entry = table.remove(number) else { preconditionFailure("segment \(number) is gone") }
    arena.dropSegment(number)
    let now = clock.wallMillis() / 1000
    for (id, held) in entry.held {
      // Pages of a retired namespace were gone already.
      guard let namespace = namespaces[id] else { continue }
      namespace.change { $0.remove(held) }
      if evicting { counters.pagesEvicted.add(UInt64(clamping: held.live(at: now).pages)) }
    }
    counters.segmentsDropped.add()
    let bytes = entry.diskBytes
    do {
      try files.remove(SegmentFormat.path(directory, number))
    } catch {
      // Its bytes stay counted: the bound holds, and the next start tries again.
      return logger.error("segment \(number) cannot be removed: \(error)")
    }
    removalIsUnsynced.withLock { $0 = true }
    closingBytes.withLock { $0 += bytes }
    let release: @Sendable () -> Void = { [self] in
      closingBytes.withLock { $0 -= bytes }
      disk.release(bytes)
    }
    if let handle = entry.handle { handle.whenClosed(release) } else { release() }
  }

  // MARK: - Reading

  /// The open file of a live segment; nil when it is gone.
  func handle(_ number: UInt64) throws(LogError) -> SegmentHandle? {
    do throws(LogError) {
      return try table.handle(number) { (number) throws(LogError) in
        try SegmentReader.open(files, directory: directory, number: number)
      }
    } catch {
      // Unlinked between the table and the open: gone is gone.
      if !table.live.contains(number) { return nil }
      throw error
    }
  }

  // MARK: - Counting

  /// A page came to live. False when its segment or namespace went in the meantime.
  func count(_ record: PageRecord) -> Bool {
    guard let namespace = namespaces[record.name.namespace] else { return false }
    // The namespace first: whoever drops the segment takes from it what the segment counted.
    namespace.change { $0.add(record) }
    if table.count(record) { return true }
    namespace.change { $0.remove(record) }
    return false
  }

  /// At start: what the tables together say is there. Dead segments and retired namespaces hold
  /// nothing.
  func count(_ census: PageCensus) {
    for (segment, held) in census.segments {
      for (id, pages) in held {
        guard let namespace = namespaces[id] else { continue }
        if table.count(pages, segment: segment, namespace: id) {
          namespace.change { $0.add(pages) }
        }
      }
    }
  }

  /// A page was deleted.
  func uncount(_ record: PageRecord) {
    guard table.uncount(record) else { return }
    namespaces[record.name.namespace]?.change { $0.remove(record) }
  }
}
