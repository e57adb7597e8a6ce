// One batch on its way through the arena: what is there, what others are reading, what this batch
// reads itself, and the reads, neighbours joined.

internal import VarveBase

struct ArenaLoad {
  /// Why a hot lease was not given.
  enum HotRefusal: Error {
    /// A page is not there, or not ready.
    case cold
    /// Others hold too much, or wait already.
    case noRoom
  }

  private enum Item {
    /// Leased already; ready, or being read by someone (maybe this batch).
    case entry(Int)
    case oneOff(LoadTarget, AlignedBuffer)
    case failed(PageReadError)
  }

  /// A page this batch reads; `item` is where its outcome goes.
  private struct Work {
    let target: LoadTarget
    let item: Int
    /// nil for a one-off.
    let entry: Int?
  }

  private let arena: PageArena
  private let batch: [Location]
  private var items: [Item] = []
  private var work: [Work] = []

  /// Takes leases on what is there and memory for what is not; nil, and nothing taken, when the
  /// claimant may not have so much now.
  init?(_ arena: PageArena, _ batch: [Location], for claimant: Claimant, _ promise: RoomPromise?) {
    self.arena = arena
    self.batch = batch
    items.reserveCapacity(batch.count)
    var withoutRoom: [Int] = []
    var hits = 0
    let isAdmitted = arena.state.change { state, _ in
      if let promise { state.room.settle(promise) }
      // Who waits comes first.
      let isNext = promise != nil || state.room.line.count(of: claimant) == 0
      guard isNext, state.admits(Self.need(batch, state), of: claimant) else { return false }
      for (index, location) in batch.enumerated() {
        if let problem = Self.problem(location) {
          items.append(.failed(problem))
        } else if let number = state.index[ArenaKey(location)],
          state.entries[number].holds(location)
        {
          state.retain(CollectionOfOne(number))
          items.append(.entry(number))
          hits += 1
        } else if state.index[ArenaKey(location)] == nil,
          let number = state.insert(
            location, of: claimant.namespace, skew: LoadTarget.skew(location))
        {
          items.append(.entry(number))
          work.append(Self.work(state, number, location, index, arena))
        } else {
          items.append(.failed(.memoryExhausted(bytes: Int(location.storedBytes))))
          withoutRoom.append(index)
        }
      }
      arena.noteRoom(state)
      return true
    }
    guard isAdmitted else { return nil }
    arena.hits.add(hits)
    for index in withoutRoom { takeOneOff(index) }
    arena.misses.add(work.count)
  }

  /// Takes leases on pages that are all there and ready; nothing taken, and why, when one is not,
  /// or when the claimant may not have so much now.
  static func hot(
    _ batch: [Location], for claimant: Claimant, in arena: PageArena
  ) -> Result<ArenaLease, HotRefusal> {
    var entries: [Int] = []
    entries.reserveCapacity(batch.count)
    let leased = arena.state.change { state, _ -> Result<ArenaLease, HotRefusal> in
      var need = 0
      for location in batch {
        guard Self.problem(location) == nil, let number = state.index[ArenaKey(location)],
          state.entries[number].isReady, state.entries[number].holds(location)
        else { return .failure(.cold) }
        if state.entries[number].leaseCount == 0 { need += state.entries[number].chunks.count }
        entries.append(number)
      }
      guard state.room.line.count(of: claimant) == 0, state.admits(need, of: claimant) else {
        return .failure(.noRoom)
      }
      var pages: [ArenaLease.Page] = []
      var pieces: [UnsafeRawBufferPointer] = unsafe []
      pages.reserveCapacity(batch.count)
      unsafe pieces.reserveCapacity(batch.count)
      state.retain(entries)
      for number in entries {
        let begin = unsafe pieces.count
        unsafe state.entries[number].append(to: &pieces, in: arena)
        pages.append(.here(begin..<(unsafe pieces.count)))
      }
      arena.noteRoom(state)
      return .success(
        unsafe ArenaLease(arena, pages: pages, pieces: pieces, entries: entries, buffers: []))
    }
    if case .success = leased { arena.hits.add(batch.count) }
    return leased
  }

  /// Chunks that pages of the batch take which nobody holds yet.
  private static func need(_ batch: [Location], _ state: ArenaState) -> Int {
    batch.reduce(0) { need, location in
      guard problem(location) == nil else { return need }
      guard let number = state.index[ArenaKey(location)] else {
        return need + ArenaState.chunkCount(of: location, skew: LoadTarget.skew(location))
      }
      let isHeld = state.entries[number].leaseCount > 0
      return need + (isHeld ? 0 : state.entries[number].chunks.count)
    }
  }

  private static func problem(_ location: Location) -> PageReadError? {
    if location.codec != PageCodec.raw || location.rawBytes != location.storedBytes {
      return .unsupportedCodec(location.codec)
    }
    if location.storedBytes == 0
      || UInt64(location.offset) + UInt64(location.storedBytes) > UInt64(Limits.segmentBytesMax)
    {
      return .cutOff(segment: location.segment, offset: location.offset)
    }
    return nil
  }

  private static func work(
    _ state: ArenaState, _ number: Int, _ location: Location, _ item: Int, _ arena: PageArena
  ) -> Work {
    let entry = state.entries[number]
    let blocks = unsafe arena.chunkBytes(
      entry.chunks, span: LoadTarget.blockBytes(location))
    return unsafe Work(
      target: LoadTarget(location: location, blocks: blocks), item: item, entry: number)
  }

  private mutating func takeOneOff(_ index: Int) {
    do throws(PageReadError) {
      let (target, buffer) = try arena.oneOff(batch[index])
      items[index] = .oneOff(target, buffer)
      work.append(Work(target: target, item: index, entry: nil))
    } catch {
      items[index] = .failed(error)
    }
  }

  // MARK: Reading

  /// Reads everything this batch has to, run by run.
  mutating func read(_ readers: PageArena.ReaderOf) {
    if work.isEmpty { return }
    work.sort {
      ($0.target.location.segment, $0.target.location.offset)
        < ($1.target.location.segment, $1.target.location.offset)
    }
    let gap = AlignedBuffer(byteCount: Limits.joinedReadGapBytesMax)
    var start = 0
    while start < work.count {
      var end = start + 1
      while end < work.count,
        work[end - 1].target.joins(work[end].target, runStart: work[start].target.start)
      {
        end += 1
      }
      readRun(start..<end, readers, gap)
      start = end
    }
  }

  private mutating func readRun(
    _ range: Range<Int>, _ readers: PageArena.ReaderOf, _ gap: AlignedBuffer
  ) {
    let run = work[range].map(\.target)[...]
    let outcome: Result<Int, PageReadError>
    do throws(PageReadError) {
      let reader = try Self.reader(run[0].location.segment, readers)
      outcome = .success(try Self.read(run, reader, gap, arena))
    } catch {
      outcome = .failure(error)
    }
    switch outcome {
    case .success(let got):
      let start = run[0].start
      settle(
        range.map { index in
          let target = work[index].target
          guard target.location.isWithin(start + UInt64(got)) else {
            return .cutOff(segment: target.location.segment, offset: target.location.offset)
          }
          return target.mismatch()
        }, of: range)
    case .failure(let error):
      // One bad spot must not take its neighbours along: each is tried alone.
      if range.count > 1, case .log = error {
        for index in range { readRun(index..<index + 1, readers, gap) }
      } else {
        settle(range.map { _ in error }, of: range)
      }
    }
  }

  /// What became of the pages of a run, told to all who wait for them with one look at the arena.
  private mutating func settle(_ failures: [PageReadError?], of range: Range<Int>) {
    var loads: [(entry: Int, failure: PageReadError?)] = []
    for (work, failure) in zip(work[range], failures) {
      if case .corrupt = failure { arena.corruptions.add() }
      if let entry = work.entry {
        loads.append((entry, failure))
      } else if let failure, case .oneOff(_, let buffer) = items[work.item] {
        items[work.item] = .failed(failure)
        arena.release([buffer])
      }
    }
    if loads.isEmpty { return }
    arena.state.update { state in for load in loads { state.finish(load.entry, load.failure) } }
  }

  /// Reads and verifies one page outside of any cache.
  static func readOne(
    _ target: LoadTarget, _ readers: PageArena.ReaderOf, _ arena: PageArena
  ) throws(PageReadError) {
    let reader = try reader(target.location.segment, readers)
    let gap = AlignedBuffer(byteCount: Limits.blockBytes)
    let got = try read([target], reader, gap, arena)
    guard target.location.isWithin(target.start + UInt64(got)) else {
      throw .cutOff(segment: target.location.segment, offset: target.location.offset)
    }
    if let failure = target.mismatch() {
      arena.corruptions.add()
      throw failure
    }
  }

  private static func reader(
    _ segment: UInt64, _ readers: PageArena.ReaderOf
  ) throws(PageReadError) -> SegmentReader {
    do throws(LogError) {
      if let reader = try readers(segment) { return reader }
    } catch { throw .log(error) }
    throw .segmentGone(segment)
  }

  private static func read(
    _ run: ArraySlice<LoadTarget>, _ reader: SegmentReader, _ gap: AlignedBuffer,
    _ arena: PageArena
  ) throws(PageReadError) -> Int {
    do throws(LogError) {
      let got = try LoadTarget.read(run, reader, gap: gap)
      arena.readBytes.add(got)
      return got
    } catch { throw .log(error) }
  }

  // MARK: Collecting

  /// The outcomes, in the order asked; waits for pages that others are reading.
  func collect() -> ArenaLease {
    let made = arena.state.wait { state -> ArenaLease? in
      isSettled(state) ? lease(&state) : nil
    }
    guard let made else { preconditionFailure("a wait without deadline gives a value") }
    // Pages that failed are held no more.
    if made.hasFailures { arena.roomChanged() }
    return made
  }

  private func isSettled(_ state: ArenaState) -> Bool {
    items.allSatisfy { item in
      guard case .entry(let number) = item else { return true }
      if case .loading = state.entries[number].phase { return false }
      return true
    }
  }

  private func lease(_ state: inout ArenaState) -> ArenaLease {
    var pages: [ArenaLease.Page] = []
    var pieces: [UnsafeRawBufferPointer] = unsafe []
    var entries: [Int] = []
    var buffers: [AlignedBuffer] = []
    pages.reserveCapacity(items.count)
    unsafe pieces.reserveCapacity(items.count)
    entries.reserveCapacity(items.count)
    for item in items {
      let begin = unsafe pieces.count
      switch item {
      case .failed(let error):
        pages.append(.failed(error))
        continue
      case .oneOff(let target, let buffer):
        unsafe pieces += target.pieces
        buffers.append(buffer)
      case .entry(let number):
        if case .failed(let error) = state.entries[number].phase {
          state.release(CollectionOfOne(number))
          pages.append(.failed(error))
          continue
        }
        entries.append(number)
        unsafe state.entries[number].append(to: &pieces, in: arena)
      }
      pages.append(.here(begin..<(unsafe pieces.count)))
    }
    return unsafe ArenaLease(
      arena, pages: pages, pieces: pieces, entries: entries, buffers: buffers)
  }
}

extension Location {
  /// The page ends at or before `end`.
  func isWithin(_ end: UInt64) -> Bool { UInt64(offset) + UInt64(storedBytes) <= end }
}
