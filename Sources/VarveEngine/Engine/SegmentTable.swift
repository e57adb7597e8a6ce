// Every live segment with what it holds: phase, bytes on disk, live pages by namespace, open file.

internal import VarveBase

/// An open segment file. The bytes of an unlinked segment count until the last reader lets go.
final class SegmentHandle: Sendable {
  let reader: SegmentReader
  private let onClose: Locked<(@Sendable () -> Void)?>

  init(_ reader: SegmentReader) {
    self.reader = reader
    onClose = Locked(nil)
  }

  /// Runs `action` when the last holder lets go.
  func whenClosed(_ action: @escaping @Sendable () -> Void) { onClose.withLock { $0 = action } }

  deinit { onClose.withLock { $0?() } }
}

/// The live segments by number.
final class SegmentTable: Sendable {
  enum Phase: String, Sendable {
    /// Extents are being appended.
    case open
    /// No room for more; its footer is still to come, or it lost its writer in a crash.
    case full
    case sealed
  }

  struct Entry: Sendable {
    var phase: Phase
    /// What the disk ledger holds for the file.
    var diskBytes: UInt64
    /// By namespace; retired ones stay until the segment goes.
    var held: [UInt32: HeldPages] = [:]
    var handle: SegmentHandle?

    /// Pages that can still be found: their namespace is one of `alive`, and they have not expired.
    func live(at seconds: UInt64, in alive: Set<UInt32>) -> PageCounts {
      held.reduce(into: PageCounts()) {
        if alive.contains($1.key) { $0 += $1.value.live(at: seconds) }
      }
    }
  }

  private struct State {
    var entries: [UInt64: Entry] = [:]
    var live = LiveSegments([])
  }

  private let state: Locked<State>
  private let fingerprints: Fingerprints

  init(_ fingerprints: Fingerprints) {
    state = Locked(State())
    self.fingerprints = fingerprints
  }

  var live: LiveSegments { state.withLock { $0.live } }

  func add(_ number: UInt64, phase: Phase, diskBytes: UInt64) {
    state.withLock {
      precondition($0.entries[number] == nil, "segment \(number) is there already")
      $0.entries[number] = Entry(phase: phase, diskBytes: diskBytes)
      $0.live = $0.live.adding(number)
    }
    // Nothing was appended to it yet.
    fingerprints.add(segment: number)
  }

  /// Ends the segment's life for readers; the caller unlinks the file.
  func remove(_ number: UInt64) -> Entry? {
    let entry = state.withLock {
      $0.live = $0.live.removing(number)
      return $0.entries.removeValue(forKey: number)
    }
    if entry != nil { fingerprints.remove(segment: number) }
    return entry
  }

  /// The file got its final length; gives the bytes that the ledger held beyond it.
  func seal(_ number: UInt64, diskBytes: UInt64) -> UInt64 {
    state.withLock {
      guard var entry = $0.entries[number] else { return 0 }
      precondition(entry.diskBytes >= diskBytes, "segment \(number) outgrew its reservation")
      let over = entry.diskBytes - diskBytes
      entry.phase = .sealed
      entry.diskBytes = diskBytes
      $0.entries[number] = entry
      return over
    }
  }

  /// The log went on to segment `number`: what was open before takes no more.
  func fill(before number: UInt64) {
    state.withLock { state in
      for (other, entry) in state.entries where entry.phase == .open && other != number {
        state.entries[other]?.phase = .full
      }
    }
  }

  func setPhase(_ number: UInt64, _ phase: Phase) {
    state.withLock { $0.entries[number]?.phase = phase }
  }

  /// A page came to live in its segment. False when the segment is gone.
  func count(_ record: PageRecord) -> Bool {
    change(record.location.segment, record.name.namespace) { $0.add(record) }
  }

  /// What the tables say a segment holds of a namespace. False when the segment is gone.
  func count(_ held: HeldPages, segment: UInt64, namespace: UInt32) -> Bool {
    change(segment, namespace) { $0.add(held) }
  }

  /// A page of the segment was deleted.
  func uncount(_ record: PageRecord) -> Bool {
    change(record.location.segment, record.name.namespace) {
      $0.remove(record)
      precondition(
        $0.lasting.pages >= 0, "segment \(record.location.segment) lost a page it never had")
    }
  }

  private func change(
    _ number: UInt64, _ namespace: UInt32, _ body: (inout HeldPages) -> Void
  ) -> Bool {
    state.withLock {
      guard var entry = $0.entries.removeValue(forKey: number) else { return false }
      body(&entry.held[namespace, default: HeldPages()])
      $0.entries[number] = entry
      return true
    }
  }

  /// The victim of "oldest first": the lowest sealed number.
  func oldestSealed() -> UInt64? {
    state.withLock { $0.entries.filter { $0.value.phase == .sealed }.keys.min() }
  }

  /// The open file of a live segment, opened by `open` at its first use.
  func handle(
    _ number: UInt64, open: (UInt64) throws(LogError) -> SegmentReader
  ) throws(LogError) -> SegmentHandle? {
    if let found = state.withLock({ $0.entries[number]?.handle }) { return found }
    guard state.withLock({ $0.entries[number] != nil }) else { return nil }
    let made = SegmentHandle(try open(number))
    return state.withLock {
      guard var entry = $0.entries[number] else { return nil }
      if let other = entry.handle { return other }
      entry.handle = made
      $0.entries[number] = entry
      return made
    }
  }

  func all() -> [(number: UInt64, entry: Entry)] {
    state.withLock { $0.entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }
}
