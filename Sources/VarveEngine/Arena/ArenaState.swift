// The arena's books under its one lock: which page lies in which chunks, who holds it, who goes
// next. Pure bookkeeping; reads and copies happen outside.

internal import VarveBase

/// Where a cached page comes from; its whole identity, since segments are write-once.
struct ArenaKey: Hashable {
  let segment: UInt64
  let offset: UInt32

  init(_ location: Location) {
    segment = location.segment
    offset = location.offset
  }
}

struct ArenaEntry {
  enum Phase {
    case loading
    case ready
    case failed(PageReadError)
    /// No page: the number may be given to one.
    case free
  }

  let key: ArenaKey
  let namespace: UInt32
  let byteCount: Int
  let checksum: UInt64
  /// Bytes before the page in its first chunk: direct reads begin on 4 KiB.
  let skew: Int
  fileprivate(set) var chunks: [Int32]
  var phase = Phase.loading
  var leaseCount = 1
  /// Uses since the clock hand last passed, at most 3.
  var frequency: UInt8 = 0
  /// No longer found; freed with its last lease.
  var isForgotten = false

  var isReady: Bool {
    if case .ready = phase { true } else { false }
  }

  var isFree: Bool {
    if case .free = phase { true } else { false }
  }

  /// Appends where its bytes lie.
  func append(to pieces: inout [UnsafeRawBufferPointer], in arena: PageArena) {
    unsafe arena.append(byteCount, skew: skew, of: chunks, to: &pieces)
  }

  /// A place names one page for ever; another length or checksum means that the index errs, and
  /// then memory must not answer: the disk does, and verification with it.
  func holds(_ location: Location) -> Bool {
    byteCount == Int(location.storedBytes) && checksum == location.checksum
  }
}

/// Chunks of entries in a row that are one namespace's, so that a batch is booked at once.
private struct HeldRun {
  var namespace: UInt32 = 0
  var chunks = 0

  /// The run that ends with a namespace's change.
  mutating func add(_ more: Int, of namespace: UInt32) -> HeldRun? {
    if namespace == self.namespace || chunks == 0 {
      (self.namespace, chunks) = (namespace, chunks + more)
      return nil
    }
    defer { self = HeldRun(namespace: namespace, chunks: more) }
    return self
  }
}

struct ArenaState {
  static let frequencyMax: UInt8 = 3

  /// Chunks that were touched so far.
  var chunkCount = 0
  var freeChunks: [Int32] = []
  /// Entries by number, changed in place: a copy would be counted and let go for every page.
  var entries: [ArenaEntry] = []
  var freeEntries: [Int] = []
  var index: [ArenaKey: Int] = [:]
  /// Chunks of entries that are ready and not leased.
  var evictableChunks = 0
  /// Chunks that pages being put are received into.
  var stagedChunks = 0
  var hand = 0
  var evictedCount: UInt64 = 0
  var room = ArenaRoom()

  func checkInvariants() {
    let live = entries.filter { !$0.isFree }
    let used = live.reduce(0) { $0 + $1.chunks.count }
    precondition(
      used + stagedChunks + freeChunks.count == chunkCount, "every chunk is free or used once")
    let idle = live.filter { $0.leaseCount == 0 }
    precondition(idle.allSatisfy { !$0.isForgotten }, "a forgotten entry without lease is freed")
    precondition(
      idle.reduce(0) { $0 + $1.chunks.count } == evictableChunks, "evictable chunks are counted")
    precondition(
      index.count == live.count { !$0.isForgotten }, "found entries are those not forgotten")
    let busy = live.filter { $0.leaseCount > 0 }.reduce(0) { $0 + $1.chunks.count }
    precondition(busy == pinnedChunks, "chunks are pinned by leases")
    precondition(
      room.held.values.reduce(0, +) == busy + room.promisedChunks, "what is held has a holder")
  }

  /// Adds an entry in phase loading, leased once; nil when chunks cannot be had without touching
  /// leased pages.
  mutating func insert(_ location: Location, of namespace: UInt32, skew: Int) -> Int? {
    let key = ArenaKey(location)
    precondition(index[key] == nil, "a page is cached once")
    let needed = Self.chunkCount(of: location, skew: skew)
    guard let chunks = takeChunks(needed) else { return nil }
    let entry = ArenaEntry(
      key: key, namespace: namespace, byteCount: Int(location.storedBytes),
      checksum: location.checksum, skew: skew, chunks: chunks)
    let number = add(entry)
    index[key] = number
    room.hold(needed, of: namespace)
    return number
  }

  /// Chunks that a page takes.
  static func chunkCount(of location: Location, skew: Int) -> Int {
    let span = SegmentFormat.padded(skew + Int(location.storedBytes))
    return (span + Limits.arenaChunkBytes - 1) / Limits.arenaChunkBytes
  }

  private mutating func add(_ entry: ArenaEntry) -> Int {
    guard let free = freeEntries.popLast() else {
      entries.append(entry)
      return entries.count - 1
    }
    entries[free] = entry
    return free
  }

  // MARK: Staging

  /// `count` chunks for pages that are being received, in the order of their addresses; nil when
  /// they cannot be had, or when puts would hold over a quarter of the arena.
  mutating func stage(_ count: Int) -> [Int32]? {
    guard stagedChunks + count <= chunkCount / 4, let chunks = takeChunks(count) else { return nil }
    stagedChunks += count
    // Neighbours lie behind each other more often than not: fewer, longer pieces.
    return chunks.sorted()
  }

  /// Chunks staged that hold nothing to keep.
  mutating func unstage(_ chunks: some Collection<Int32>) {
    stagedChunks -= chunks.count
    precondition(stagedChunks >= 0, "more chunks came back than were staged")
    freeChunks.append(contentsOf: chunks)
  }

  /// The staged chunks hold the page that now lies at `location`, verified: it can be found. Where
  /// a reader was faster and has it from the disk, they are given back.
  mutating func adopt(
    _ location: Location, of namespace: UInt32, _ chunks: ArraySlice<Int32>
  ) {
    let key = ArenaKey(location)
    guard index[key] == nil else { return unstage(chunks) }
    stagedChunks -= chunks.count
    precondition(stagedChunks >= 0, "only staged chunks are adopted")
    var entry = ArenaEntry(
      key: key, namespace: namespace, byteCount: Int(location.storedBytes),
      checksum: location.checksum, skew: 0, chunks: Array(chunks))
    entry.phase = .ready
    entry.leaseCount = 0
    evictableChunks += chunks.count
    index[key] = add(entry)
  }

  /// One more lease on each entry.
  mutating func retain(_ numbers: some Sequence<Int>) {
    var taken = HeldRun()
    for number in numbers {
      precondition(!entries[number].isFree, "entry \(number) is free")
      if entries[number].leaseCount == 0 {
        let chunks = entries[number].chunks.count
        evictableChunks -= chunks
        if let run = taken.add(chunks, of: entries[number].namespace) {
          room.hold(run.chunks, of: run.namespace)
        }
      }
      entries[number].leaseCount += 1
      entries[number].frequency = min(entries[number].frequency + 1, Self.frequencyMax)
    }
    if taken.chunks > 0 { room.hold(taken.chunks, of: taken.namespace) }
  }

  mutating func release(_ numbers: some Sequence<Int>) {
    var left = HeldRun()
    for number in numbers {
      precondition(entries[number].leaseCount > 0, "a lease is released once")
      entries[number].leaseCount -= 1
      guard entries[number].leaseCount == 0 else { continue }
      let chunks = entries[number].chunks.count
      if let run = left.add(chunks, of: entries[number].namespace) {
        room.letGo(run.chunks, of: run.namespace)
      }
      if entries[number].isForgotten { free(number) } else { evictableChunks += chunks }
    }
    if left.chunks > 0 { room.letGo(left.chunks, of: left.namespace) }
  }

  /// The load of an entry ended; its loader still holds its lease.
  mutating func finish(_ number: Int, _ failure: PageReadError?) {
    precondition(!entries[number].isFree, "entry \(number) is free")
    if let failure {
      entries[number].phase = .failed(failure)
      if !entries[number].isForgotten {
        entries[number].isForgotten = true
        index[entries[number].key] = nil
      }
    } else {
      entries[number].phase = .ready
    }
  }

  /// The entry is found no more; its chunks come back with the last lease.
  mutating func forget(_ number: Int) {
    guard !entries[number].isFree, !entries[number].isForgotten else { return }
    index[entries[number].key] = nil
    entries[number].isForgotten = true
    guard entries[number].leaseCount == 0 else { return }
    evictableChunks -= entries[number].chunks.count
    free(number)
  }

  private mutating func free(_ number: Int) {
    precondition(!entries[number].isFree, "entry \(number) is free")
    freeChunks.append(contentsOf: entries[number].chunks)
    entries[number].chunks = []
    entries[number].phase = .free
    freeEntries.append(number)
  }

  private mutating func takeChunks(_ count: Int) -> [Int32]? {
    guard freeChunks.count + evictableChunks >= count else { return nil }
    while freeChunks.count < count { evictOne() }
    let taken = Array(freeChunks[(freeChunks.count - count)...])
    freeChunks.removeLast(count)
    return taken
  }

  /// CLOCK with a small count a page: the hand passes, every use since its last pass saves a page
  /// once. Called only while something evictable is there, so it ends within four rounds.
  private mutating func evictOne() {
    precondition(evictableChunks > 0, "something can be evicted")
    while true {
      hand = hand + 1 >= entries.count ? 0 : hand + 1
      guard !entries[hand].isFree, entries[hand].leaseCount == 0 else { continue }
      if entries[hand].frequency > 0 {
        entries[hand].frequency -= 1
        continue
      }
      evictedCount += 1
      forget(hand)
      return
    }
  }
}
