// What the value log knows under its one lock: the segments being written, which appends are under
// way, which are written but not synced. Pure bookkeeping; no I/O here.

internal import VarveBase
internal import VarveFile

/// A segment from its creation to its footer.
struct WriteSegment {
  let file: any File
  let header: SegmentHeader
  /// End of what is reserved.
  var endOffset = UInt64(SegmentHeader.byteCount)
  /// Footer bytes that the reserved extents can need at most.
  var footerBytesMax = Footer.fixedBytes
  /// Namespaces named so far; each may need a name in the footer.
  var namespaces: Set<UInt32> = []
  /// Appends reserved and neither written nor failed.
  var writingCount = 0
  /// Extents written, in the order they completed.
  var extents: [(offset: UInt64, header: [UInt8])] = []
  var totals = SegmentTotals()
}

/// Space taken for one extent.
struct LogSlot {
  let sequence: UInt64
  let file: any File
  let salt: UInt64
  let position: LogPosition
  let byteCount: Int
  let syncedUpTo: LogPosition
}

/// An extent that lay beyond the last good sync of a segment whose fdatasync failed.
struct LostExtent {
  let position: LogPosition
  let header: [UInt8]
  let salt: UInt64
}

struct LogState {
  var segments: [UInt64: WriteSegment] = [:]
  var open: UInt64?
  /// Full, waiting for their footer, in order.
  var full: [UInt64] = []
  var isAdmitting = false
  var isSealing = false
  var isClosed = false
  var failure: LogError?

  var lastSequence: UInt64 = 0
  /// Where the last reservation ended.
  var end: LogPosition
  /// Reserved, write under way.
  var writing: [UInt64: LogPosition] = [:]
  /// Reserved, records not yet in the memtable.
  var unapplied: [UInt64: LogPosition] = [:]
  /// Written, not synced.
  var dirty: [UInt64: (position: LogPosition, byteCount: Int)] = [:]
  /// Failed writes in segments without a footer yet. What a failed write left may have a header
  /// that checks, so "synced up to" stays before it until a footer leaves it out.
  var holes: [LogPosition] = []
  /// Bytes of `writing` and `dirty`, and of `dirty` alone.
  var unsyncedBytes = 0
  var dirtyBytes = 0

  /// Calls of fdatasync that failed, and when the last one did.
  var syncFailures: UInt64 = 0
  var syncFailedAtNanos: UInt64 = 0
  var syncError: FileError?
  /// Appends that such a failure took along.
  var lostSequences: Set<UInt64> = []
  /// Of those, the ones whose records are not applied yet.
  var lostUnapplied: [UInt64: LostExtent] = [:]
  /// Of those, the ones that the owner has to take out of the index.
  var lost: [LostExtent] = []

  var isSyncing = false
  var syncsStarted: UInt64 = 0
  var syncsEnded: UInt64 = 0
  /// As of the last sync: everything before it is durable. Lags; never leads.
  var syncedUpTo: LogPosition
  var syncedSequence: UInt64 = 0

  init(start: LogPosition) {
    end = start
    syncedUpTo = start
  }

  func checkInvariants() {
    precondition(
      dirtyBytes >= 0 && dirtyBytes <= unsyncedBytes, "what is written is a part of the unsynced")
    precondition(!dirty.isEmpty || dirtyBytes == 0, "written bytes leak")
    precondition(!writing.isEmpty || !dirty.isEmpty || unsyncedBytes == 0, "unsynced bytes leak")
    precondition(open.map { segments[$0] != nil } ?? true, "the open segment is known")
    precondition(full.allSatisfy { segments[$0] != nil }, "full segments are known")
  }

  /// Takes space in the open segment; nil when it does not fit there with the footer it adds.
  mutating func take(
    _ byteCount: Int, headerUsed: Int, namespaces: Set<UInt32>, segmentBytes: Int
  ) -> LogSlot? {
    guard let number = open, var segment = segments[number] else { return nil }
    let names = segment.namespaces.union(namespaces)
    let footer =
      segment.footerBytesMax + Footer.perExtentBytes + headerUsed
      + (names.count - segment.namespaces.count) * Footer.perNamespaceBytesMax
    let total =
      Int(segment.endOffset) + byteCount + SegmentFormat.padded(footer)
      + SegmentTrailer.byteCount
    guard total <= segmentBytes else { return nil }
    let position = LogPosition(segment: number, offset: segment.endOffset)
    segment.endOffset += UInt64(byteCount)
    segment.footerBytesMax = footer
    segment.namespaces = names
    segment.writingCount += 1
    segments[number] = segment
    lastSequence += 1
    end = LogPosition(segment: number, offset: segment.endOffset)
    writing[lastSequence] = position
    unapplied[lastSequence] = position
    unsyncedBytes += byteCount
    return LogSlot(
      sequence: lastSequence, file: segment.file, salt: segment.header.salt, position: position,
      byteCount: byteCount, syncedUpTo: syncedUpTo)
  }

  /// The extent is on disk (not yet synced). False when its segment was lost in the meantime: then
  /// the write counts as failed.
  mutating func written(
    _ slot: LogSlot, header: [UInt8], births: [UInt64], parsed: ExtentHeader
  ) -> Bool {
    writing[slot.sequence] = nil
    guard segments[slot.position.segment] != nil else {
      unapplied[slot.sequence] = nil
      unsyncedBytes -= slot.byteCount
      return false
    }
    dirty[slot.sequence] = (slot.position, slot.byteCount)
    dirtyBytes += slot.byteCount
    segments[slot.position.segment]?.writingCount -= 1
    segments[slot.position.segment]?.extents.append((slot.position.offset, header))
    segments[slot.position.segment]?.totals.add(parsed, births: births)
    return true
  }

  /// The records of an append are in the memtable.
  mutating func applied(_ sequence: UInt64) {
    unapplied[sequence] = nil
    if let extent = lostUnapplied.removeValue(forKey: sequence) { lost.append(extent) }
  }

  /// An fdatasync of segment `number` failed: nothing is appended to it or synced in it any more,
  /// and what lay beyond its last good sync is lost. A second failure within a minute is final.
  mutating func syncFailed(_ number: UInt64, _ error: FileError, atNanos now: UInt64) {
    let isSecond = syncFailures > 0 && now - syncFailedAtNanos < Limits.syncFailureNanosMax
    syncFailures += 1
    syncFailedAtNanos = now
    syncError = error
    if isSecond { failure = .syncFailed(error) }
    if open == number { open = nil }
    full.removeAll { $0 == number }
    holes.removeAll { $0.segment == number }
    guard let segment = segments.removeValue(forKey: number) else { return }
    for (sequence, extent) in dirty where extent.position.segment == number {
      dirty[sequence] = nil
      dirtyBytes -= extent.byteCount
      unsyncedBytes -= extent.byteCount
      lostSequences.insert(sequence)
      guard let header = segment.extents.first(where: { $0.offset == extent.position.offset })
      else { preconditionFailure("an extent was written without its header") }
      let lostExtent = LostExtent(
        position: extent.position, header: header.header, salt: segment.header.salt)
      if unapplied[sequence] == nil {
        lost.append(lostExtent)
      } else {
        lostUnapplied[sequence] = lostExtent
      }
    }
  }

  /// The extent's write failed: its space stays a hole.
  mutating func failed(_ slot: LogSlot) {
    guard writing.removeValue(forKey: slot.sequence) != nil else { return }
    unapplied[slot.sequence] = nil
    holes.append(slot.position)
    segments[slot.position.segment]?.writingCount -= 1
    unsyncedBytes -= slot.byteCount
  }

  /// The open segment takes no more.
  mutating func closeOpen() {
    guard let number = open else { return }
    full.append(number)
    open = nil
  }

  /// The segment has its footer.
  mutating func sealed(_ number: UInt64) {
    segments[number] = nil
    full.removeAll { $0 == number }
    holes.removeAll { $0.segment == number }
  }

  /// What a sync has to cover, as of now.
  func roundToSync() -> (sequences: [UInt64], files: [(number: UInt64, file: any File)]) {
    let numbers = Set(dirty.values.map(\.position.segment)).sorted()
    let files = numbers.compactMap { number in segments[number].map { (number, $0.file) } }
    return (Array(dirty.keys), files)
  }

  mutating func synced(_ sequences: [UInt64]) {
    for sequence in sequences {
      let byteCount = dirty.removeValue(forKey: sequence)?.byteCount ?? 0
      dirtyBytes -= byteCount
      unsyncedBytes -= byteCount
    }
    let waiting = Array(writing.values) + dirty.values.map(\.position) + holes
    syncedUpTo = max(syncedUpTo, waiting.min() ?? end)
    let first = min(writing.keys.min() ?? .max, dirty.keys.min() ?? .max)
    syncedSequence = max(syncedSequence, first == .max ? lastSequence : first - 1)
  }
}
