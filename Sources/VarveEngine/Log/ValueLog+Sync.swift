// Group commit: whoever needs durability joins one fdatasync that begins after its append.

internal import VarveBase
internal import VarveFile

extension ValueLog {
  private enum Turn {
    case done
    case fail(LogError)
    case lead(ordinal: UInt64, sequences: [UInt64], files: [(number: UInt64, file: any File)])
  }

  /// Makes everything durable whose append returned before the call, in all segments. Callers at
  /// the same time share one fdatasync. Returns `syncedSequence`.
  ///
  /// A failed fdatasync is never retried: the segment takes no more, what lay beyond its last good
  /// sync is lost (`takeLost`), and every call that waited throws `.syncFailed`. Appends go on in
  /// a new segment; after a second failure within a minute they throw as well, for good.
  @discardableResult
  package func sync() throws(LogError) -> UInt64 {
    // Also when nothing of this log is dirty: what recovery could not sync is not known to it.
    if let failure { throw failure }
    let (needed, failures) = state.update { ($0.syncsStarted + 1, $0.syncFailures) }
    try syncRounds { $0.dirty.isEmpty || $0.syncsEnded >= needed }
    let missed = state.peek { $0.syncFailures == failures ? nil : $0.syncError }
    if let missed { throw .syncFailed(missed) }
    return syncedSequence
  }

  /// Returns once the append with this sequence (which has returned) is durable. Waits for no other
  /// append's write.
  package func waitSynced(_ sequence: UInt64) throws(LogError) {
    try syncRounds { state in
      precondition(
        sequence <= state.lastSequence && state.writing[sequence] == nil,
        "append \(sequence) has not returned")
      return state.dirty[sequence] == nil
    }
    let missed = state.peek { $0.lostSequences.contains(sequence) ? $0.syncError : nil }
    if let missed { throw .syncFailed(missed) }
  }

  /// Returns once the page at `location` (written by this log or before it) is durable: for a
  /// durable put of a page that is there already.
  package func waitSynced(_ location: Location) throws(LogError) {
    let offset = UInt64(location.offset)
    try syncRounds { state in
      !state.dirty.values.contains { position, byteCount in
        position.segment == location.segment && position.offset <= offset
          && offset < position.offset + UInt64(byteCount)
      }
    }
  }

  private func syncRounds(until isDone: (LogState) -> Bool) throws(LogError) {
    while true {
      let turn = state.wait { state -> Turn? in
        if isDone(state) { return .done }
        if let failure = state.failure { return .fail(failure) }
        if state.isSyncing { return nil }
        state.isSyncing = true
        state.syncsStarted += 1
        let round = state.roundToSync()
        return .lead(
          ordinal: state.syncsStarted, sequences: round.sequences, files: round.files)
      }
      switch turn {
      case .done, nil: return
      case .fail(let error): throw error
      case .lead(let ordinal, let sequences, let files): try lead(ordinal, sequences, files)
      }
    }
  }

  private func lead(
    _ ordinal: UInt64, _ sequences: [UInt64], _ files: [(number: UInt64, file: any File)]
  ) throws(LogError) {
    for (number, file) in files {
      do throws(FileError) {
        try file.sync()
        counters.syncs.add()
      } catch {
        syncFailed(number, error) { $0.isSyncing = false }
        throw .syncFailed(error)
      }
    }
    state.update { state in
      state.isSyncing = false
      state.syncsEnded = ordinal
      state.synced(sequences)
      state.checkInvariants()
    }
  }

  /// Books the failure; `alongside` changes what else has to change at the same moment.
  func syncFailed(_ number: UInt64, _ error: FileError, alongside: (inout LogState) -> Void) {
    let now = clock.monotonicNanos()
    state.update { state in
      state.syncFailed(number, error, atNanos: now)
      alongside(&state)
      state.checkInvariants()
    }
    host.segmentLost(number, error)
  }

  /// How many calls of fdatasync failed so far.
  package var syncFailures: UInt64 { state.peek { $0.syncFailures } }

  package var hasLost: Bool { state.peek { !$0.lost.isEmpty } }

  /// What failed syncs took along and nobody has taken yet: its pages must leave the index, its
  /// control entries must be appended again.
  package func takeLost() -> [ScannedExtent] {
    let lost = state.update { state in
      defer { state.lost.removeAll() }
      return state.lost
    }
    return lost.compactMap { extent in
      guard
        let parsed = try? ExtentHeader(
          extent.header.rawSpan, position: extent.position, salt: extent.salt, path: directory)
      else { preconditionFailure("a header written reads back") }
      return SegmentScanner.decode(parsed, extent.header)
    }
  }

  /// Every append with a sequence up to this is durable (or failed). Lags behind between syncs.
  package var syncedSequence: UInt64 { state.peek { $0.syncedSequence } }

  /// Every append with a sequence up to this has returned from the disk.
  package var completedSequence: UInt64 {
    state.peek { ($0.writing.keys.min() ?? $0.lastSequence + 1) - 1 }
  }

  package func isSynced(_ sequence: UInt64) -> Bool {
    state.peek {
      $0.dirty[sequence] == nil && $0.writing[sequence] == nil
        && !$0.lostSequences.contains(sequence)
    }
  }

  /// Bytes written or being written and not known to be durable; at most 64 MiB.
  package var unsyncedBytes: Int { state.peek { $0.unsyncedBytes } }

  /// Bytes of them that are written: what a sync would make durable now.
  package var dirtyBytes: Int { state.peek { $0.dirtyBytes } }

  /// Why the log takes nothing more; nil while it does.
  package var failure: LogError? { state.peek { $0.failure } }

  /// Every extent before this is written and its records were applied: what a memtable flush may
  /// claim, if it takes the position before it freezes the memtable.
  package func replayPosition() -> LogPosition {
    state.peek { $0.unapplied.values.min() ?? $0.end }
  }

  /// The segment appends go to; nil before the first.
  package var openSegment: UInt64? { state.peek { $0.open } }

  /// Segments without a footer yet, the open one included.
  package var segmentsInUse: [UInt64] { state.peek { $0.segments.keys.sorted() } }
}
