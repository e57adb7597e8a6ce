// The daemon's own cache of hot pages: one region of touched memory in 64 KiB chunks, filled by
// puts and by direct reads, each page verified once on entry. Stands between the segments and the
// sockets; pages are sent straight from it.

internal import Synchronization
package import VarveBase
internal import VarveFile

/// Leases verified pages. Blocking where a page must be read: call it from I/O threads.
package final class PageArena: Sendable {
  /// When the region's memory is touched.
  package enum Pretouch: Sendable {
    case now
    /// By a thread of its own; chunks become usable as they are touched.
    case inBackground
  }

  /// The open segment file by number; nil when it was dropped.
  package typealias ReaderOf = (UInt64) throws(LogError) -> SegmentReader?

  private static let touchBytes = 2 << 20
  /// When room is tight a batch takes one in so many of what is left.
  private static let batchesLeft = 32

  let ledger: MemoryLedger
  let state: Monitor<ArenaState>
  private let region: MappedRegion
  // Relaxed: a hint, also for those who do not hold the lock.
  private let tight = Atomic<Bool>(false)
  package let hits = Counter("arena_hits_total", "Pages found in the page arena.")
  package let misses = Counter("arena_misses_total", "Pages read from disk for the page arena.")
  package let oneOffs = Counter(
    "arena_one_off_total", "Pages served from request memory because the arena had no room.")
  package let readBytes = Counter("arena_read_bytes_total", "Bytes read from segments.")
  package let corruptions = Counter(
    "arena_corrupt_pages_total", "Pages whose bytes did not verify when read.")

  /// - Parameters:
  ///   - byteCount: of the region, at least one chunk; rounded down to whole chunks.
  ///   - ledger: accounts the region as `.arena` and one-off pages as `.request`.
  package init(
    byteCount: Int, ledger: MemoryLedger, pretouch: Pretouch = .inBackground
  ) throws(PageReadError) {
    let size = byteCount / Limits.arenaChunkBytes * Limits.arenaChunkBytes
    precondition(size > 0, "an arena has at least one chunk of \(Limits.arenaChunkBytes) bytes")
    guard ledger.reserve(size, for: .arena) else { throw .memoryExhausted(bytes: size) }
    guard let region = MappedRegion(byteCount: size) else {
      ledger.release(size, for: .arena)
      throw .memoryExhausted(bytes: size)
    }
    self.region = region
    self.ledger = ledger
    state = Monitor(ArenaState())
    switch pretouch {
    case .now: while touchMore() {}
    case .inBackground:
      _ = NamedThread("varve-arena") { [weak self] in while self?.touchMore() == true {} }
    }
  }

  deinit { ledger.release(region.byteCount, for: .arena) }

  package var byteCount: Int { region.byteCount }

  // MARK: Leasing

  /// The pages of a batch, each with its own outcome, in the order asked: from memory, or read and
  /// verified, with as few, large reads as neighbourhood allows. Concurrent callers of one page
  /// share one read. Nil, and nothing done, when the claimant may not hold so much now: `whenRoom`.
  func lease(
    _ batch: [Location], for claimant: Claimant, _ promise: RoomPromise? = nil, readers: ReaderOf
  ) -> ArenaLease? {
    if promise == nil, case .success(let lease) = leaseHot(batch, for: claimant) { return lease }
    guard var load = ArenaLoad(self, batch, for: claimant, promise) else { return nil }
    load.read(readers)
    // Own loads are finished before others' are waited for, so two batches that want each other's
    // pages do not stop each other.
    return load.collect()
  }

  /// The pages of a batch if every one lies in memory, ready: waits for nothing.
  func leaseHot(
    _ batch: [Location], for claimant: Claimant
  ) -> Result<ArenaLease, ArenaLoad.HotRefusal> {
    ArenaLoad.hot(batch, for: claimant, in: self)
  }

  // MARK: Room

  /// Over half of what gets may hold is held: nobody should hold more than he is about to send.
  package var isTight: Bool { tight.load(ordering: .relaxed) }

  /// Bytes of a batch that leave something for the next ones: the less there is left, the smaller.
  func batchBytes(most: Int) -> Int {
    if !isTight { return most }
    let left = state.peek { $0.roomLeft } * Limits.arenaChunkBytes
    return min(most, max(left / Self.batchesLeft, 1))
  }

  /// Calls `job` when there is room for a batch of these pages, in fair order with others that
  /// wait; on whichever thread lets go of some, so it only hands work on. False: the line is full.
  func whenRoom(
    for batch: [Location], of claimant: Claimant,
    _ job: @escaping @Sendable (RoomPromise) -> Void
  ) -> Bool {
    let chunks = batch.reduce(0) {
      $0 + ArenaState.chunkCount(of: $1, skew: LoadTarget.skew($1))
    }
    let ready = state.change { state, _ -> [(ArenaRoom.Waiter, RoomPromise)]? in
      let held = state.room.line.count(of: claimant)
      let free = Limits.roomLineMax - state.room.line.count
      guard FairShare.admits(claimant, held: held, adding: 1, free: free) else { return nil }
      state.room.line.append(
        ArenaRoom.Waiter(claimant: claimant, chunks: chunks, job: job), of: claimant,
        cost: chunks)
      // Room may have come since it was found wanting.
      return state.popReady(in: self)
    }
    guard let ready else { return false }
    for (waiter, promise) in ready { waiter.job(promise) }
    return true
  }

  /// Gets that wait for room.
  package var waitingCount: Int { state.peek { $0.room.line.count } }

  /// Takes a promise back.
  func settle(_ promise: RoomPromise) {
    changeRoom { $0.room.settle(promise) }
  }

  /// Something was let go of without `release`.
  func roomChanged() { changeRoom { _ in } }

  /// A change after which there may be room for somebody who waits.
  private func changeRoom(
    wake: Monitor<ArenaState>.Wake = .nobody, _ body: (inout ArenaState) -> Void
  ) {
    let ready = state.change { state, whom -> [(ArenaRoom.Waiter, RoomPromise)] in
      whom = wake
      body(&state)
      noteRoom(state)
      return state.room.line.isEmpty ? [] : state.popReady(in: self)
    }
    for (waiter, promise) in ready { waiter.job(promise) }
  }

  func noteRoom(_ state: ArenaState) {
    let isTight = state.roomLeft < state.roomChunks / 2
    if isTight != tight.load(ordering: .relaxed) { tight.store(isTight, ordering: .relaxed) }
  }

  /// Those of the pages that are neither in memory nor being read, in their order: one look.
  func missing(_ locations: ArraySlice<Location>) -> [Location] {
    state.peek { state in locations.filter { state.index[ArenaKey($0)] == nil } }
  }

  /// Reads the page again past every cache and forgets what memory had of it.
  package func reread(_ location: Location, readers: ReaderOf) throws(PageReadError) {
    state.update { state in
      if let number = state.index[ArenaKey(location)] { state.forget(number) }
    }
    let (target, buffer) = try oneOff(location)
    defer { release([buffer]) }
    try ArenaLoad.readOne(target, readers, self)
  }

  // MARK: Filling and dropping

  /// Keeps a copy of a page just put (its bytes are verified). Does nothing when it is there
  /// already or no room can be made.
  package func insertCopy(
    _ location: Location, of namespace: UInt32, _ bytes: UnsafeRawBufferPointer
  ) {
    precondition(bytes.count == Int(location.storedBytes), "the bytes are the page")
    let made = state.update { state -> (Int, ArenaEntry)? in
      guard state.index[ArenaKey(location)] == nil,
        let number = state.insert(location, of: namespace, skew: 0)
      else { return nil }
      return (number, state.entries[number])
    }
    guard let (number, entry) = made else { return }
    var done = 0
    let pieces = unsafe chunkBytes(entry.chunks, span: SegmentFormat.padded(bytes.count))
    for index in unsafe pieces.indices {
      let piece = unsafe pieces[index]
      let count = min(piece.count, bytes.count - done)
      unsafe piece.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: bytes[done..<done + count]))
      done += count
    }
    changeRoom(wake: .everybody) { state in
      state.finish(number, nil)
      state.release(CollectionOfOne(number))
    }
  }

  /// Memory of the arena for `byteCount` bytes that are being received, whole chunks; nil when
  /// there is none to be had now.
  func stage(_ byteCount: Int) -> StagedChunks? {
    precondition(byteCount > 0 && byteCount % Limits.arenaChunkBytes == 0, "whole chunks")
    let count = byteCount / Limits.arenaChunkBytes
    return state.update { $0.stage(count) }.map { chunks in
      unsafe StagedChunks(self, chunks, pieces: joined(chunks))
    }
  }

  /// Chunks as memory, those that follow each other joined.
  private func joined(_ chunks: [Int32]) -> [UnsafeMutableRawBufferPointer] {
    var pieces: [UnsafeMutableRawBufferPointer] = unsafe []
    var start = 0
    while start < chunks.count {
      var end = start + 1
      while end < chunks.count, chunks[end] == chunks[end - 1] + 1 { end += 1 }
      unsafe pieces.append(
        region.bytes(
          offset: Int(chunks[start]) * Limits.arenaChunkBytes,
          count: (end - start) * Limits.arenaChunkBytes))
      start = end
    }
    return unsafe pieces
  }

  /// Pages of the segment are found no more; leased ones stay until released.
  package func dropSegment(_ segment: UInt64) {
    state.update { state in
      for (key, number) in state.index where key.segment == segment { state.forget(number) }
    }
  }

  /// One page is found no more.
  package func drop(_ location: Location) {
    state.update { state in
      if let number = state.index[ArenaKey(location)] { state.forget(number) }
    }
  }

  /// Leases end; who waits for room is told.
  func release(_ entries: [Int]) {
    if entries.isEmpty { return }
    changeRoom { $0.release(entries) }
  }

  /// Memory of one-offs whose holder has let go.
  func release(_ buffers: [AlignedBuffer]) {
    if buffers.isEmpty { return }
    ledger.release(buffers.reduce(0) { $0 + $1.byteCount }, for: .request)
  }

  // MARK: Figures

  package var counters: [Counter] { [hits, misses, oneOffs, readBytes, corruptions] }

  package var pageCount: Int { state.peek { $0.index.count } }

  /// Bytes of chunks that hold pages.
  package var usedBytes: Int {
    state.peek { ($0.chunkCount - $0.stagedChunks - $0.freeChunks.count) * Limits.arenaChunkBytes }
  }

  package var evictedCount: UInt64 { state.peek { $0.evictedCount } }

  // MARK: Memory

  /// The memory of an entry's blocks; the last piece is cut to `span` bytes in all.
  func chunkBytes(_ chunks: [Int32], span: Int) -> [UnsafeMutableRawBufferPointer] {
    var left = span
    return unsafe chunks.map { chunk in
      let count = min(left, Limits.arenaChunkBytes)
      left -= count
      return unsafe region.bytes(offset: Int(chunk) * Limits.arenaChunkBytes, count: count)
    }
  }

  /// Appends where a page of `byteCount` bytes lies, which begins `skew` bytes into the first of
  /// its chunks; chunks that follow each other are one piece.
  func append(
    _ byteCount: Int, skew: Int, of chunks: [Int32], to pieces: inout [UnsafeRawBufferPointer]
  ) {
    var (left, skip, start) = (byteCount, skew, 0)
    while left > 0 {
      var end = start + 1
      while end < chunks.count, chunks[end] == chunks[end - 1] + 1 { end += 1 }
      let count = min(left, (end - start) * Limits.arenaChunkBytes - skip)
      let offset = Int(chunks[start]) * Limits.arenaChunkBytes + skip
      unsafe pieces.append(UnsafeRawBufferPointer(region.bytes(offset: offset, count: count)))
      left -= count
      (skip, start) = (0, end)
    }
  }

  /// Request memory for a page that the arena has no room for; `release` takes it back.
  func oneOff(_ location: Location) throws(PageReadError) -> (LoadTarget, AlignedBuffer) {
    let byteCount = LoadTarget.blockBytes(location)
    guard ledger.reserve(byteCount, for: .request) else {
      throw .memoryExhausted(bytes: byteCount)
    }
    oneOffs.add()
    let buffer = AlignedBuffer(byteCount: byteCount)
    return (unsafe LoadTarget(location: location, blocks: [buffer.mutableBytes]), buffer)
  }

  /// Touches the next stretch and gives its chunks out; false when all are touched.
  private func touchMore() -> Bool {
    let done = state.peek { $0.chunkCount } * Limits.arenaChunkBytes
    let count = min(Self.touchBytes, region.byteCount - done)
    if count == 0 { return false }
    region.touch(offset: done, count: count)
    let first = Int32(done / Limits.arenaChunkBytes)
    let chunks = Int32(count / Limits.arenaChunkBytes)
    changeRoom(wake: .everybody) { state in
      state.chunkCount += Int(chunks)
      state.freeChunks.append(contentsOf: (first..<first + chunks).reversed())
    }
    return true
  }
}
