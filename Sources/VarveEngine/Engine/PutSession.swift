// One put as its bytes arrive. The connection's reader asks where the next bytes go and receives
// them right there: into the extent that will be written, or nowhere for pages not needed.

internal import VarveBase

/// One put. Used by one thread at a time (the connection's reader); the answer comes on another.
@safe package final class PutSession: @unchecked Sendable {
  // Sendable is sound: everything mutable here is touched by the receiving thread alone; what other
  // threads tell goes through `completion`, which locks.

  /// Where the next bytes of the put go.
  @safe package enum Destination {
    /// Receive up to that many bytes here.
    case memory(UnsafeMutableRawBufferPointer)
    /// Throw that many bytes away: their page is there already or cannot be stored.
    case skip(Int)
    /// All promised bytes are in.
    case end
  }

  /// Bit i set: page first + i has to be sent. All zero: nothing is to be sent when `ask` was set.
  package let need: [UInt8]

  private let engine: Engine
  private let order: PutOrder
  private let namespace: LiveNamespace
  private let claimant: Claimant
  private let completion: PutCompletion
  private let extents: [PlannedExtent]
  /// Failed syncs repaired when the put looked its pages up.
  private let repaired: UInt64
  /// For order and plan.
  private let memory: MemoryReservation
  /// Payload of the largest extent: what each buffer holds.
  package let bufferBytes: Int

  /// The page whose bytes come next, within the asked run, and how many of its bytes are in.
  private var page = 0
  private var pageReceived = 0
  /// Of the page's bytes so far.
  private var hash = XXH3.Stream()
  /// The extent being filled: which one, how far, and the pages verified in it.
  private var extentIndex = 0
  private var pageInExtent = 0
  private var cursor = 0
  private var buffer: ExtentBuffer?
  private var verified: [VerifiedPage] = []
  private var isFinished = false
  /// When the session began, and how long its receiving waited for its own memory to be written.
  package let begunNanos: UInt64
  package private(set) var waitedNanos: UInt64 = 0

  init(
    engine: Engine, order: PutOrder, namespace: LiveNamespace, completion: PutCompletion,
    extents: [PlannedExtent], repaired: UInt64, memory: MemoryReservation
  ) {
    self.memory = memory
    self.engine = engine
    self.repaired = repaired
    self.order = order
    self.namespace = namespace
    claimant = namespace.claimant
    self.completion = completion
    self.extents = extents
    begunNanos = engine.clock.monotonicNanos()
    bufferBytes = extents.map(\.payloadBytes).max() ?? 0
    var need = Bitmap.empty(count: order.slice.count)
    for extent in extents { for page in extent.pages { need.setBit(page.index) } }
    self.need = need
    skipUnsent()
  }

  deinit {
    // A session nobody finished would hold its claims for ever and block every later put of them.
    precondition(isFinished, "a put session was dropped without finish()")
  }

  /// Where the next bytes go. Waits when both of the put's buffers are being written.
  package func nextDestination() -> Destination {
    guard page < order.slice.count else { return .end }
    let left = Int(order.pageBytes[page]) - pageReceived
    guard need.bit(page) else { return .skip(left) }
    let buffer = currentBuffer()
    return unsafe .memory(
      buffer.payload(
        offset: cursor + pageReceived, count: min(left, Limits.putReceiveBytesMax)))
  }

  /// `count` bytes were received into, or thrown away for, what `nextDestination()` gave. They are
  /// hashed here, while the processor's caches hold them.
  package func received(_ count: Int) {
    precondition(page < order.slice.count, "bytes behind the last page")
    precondition(
      count >= 0 && pageReceived + count <= Int(order.pageBytes[page]), "bytes beyond the page")
    if count > 0, need.bit(page) { hashReceived(count) }
    pageReceived += count
    guard pageReceived == Int(order.pageBytes[page]) else { return }
    if need.bit(page) { pageIsIn() }
    page += 1
    pageReceived = 0
    skipUnsent()
  }

  /// The page whose bytes come next, within the asked run.
  package var nextPage: Int { page }

  /// The next bytes will be those of page `index`: the ones before it are left out. The page whose
  /// bytes had begun is LENGTH_MISMATCH, the others are NOT_ATTEMPTED.
  package func leaveOut(upTo index: Int) {
    precondition(index >= page && index <= order.slice.count, "pages come in order")
    while page < index {
      let outcome: PageOutcome = pageReceived > 0 ? .lengthMismatch : .notAttempted
      if need.bit(page) {
        settle(extents[extentIndex].pages[pageInExtent], outcome)
        advanceInExtent()
      } else if !order.ask {
        completion.set(page, outcome)
      }
      page += 1
      pageReceived = 0
    }
    skipUnsent()
  }

  /// No more bytes will come. `done` is called once, on any thread, with an outcome for each page.
  ///
  /// Where bytes are missing, the page cut off is LENGTH_MISMATCH (NOT_ATTEMPTED if none of its
  /// bytes came) and later ones NOT_ATTEMPTED. Whole verified pages stay.
  package func finish(_ done: @escaping @Sendable ([PageOutcome]) -> Void) {
    precondition(!isFinished, "a put is finished once")
    isFinished = true
    completion.setDone { [engine] outcomes in
      engine.counters.count(putOutcomes: outcomes)
      done(outcomes)
    }
    submitExtent()
    if page < order.slice.count { cutOff() }
    endPart()
  }

  // MARK: - Receiving

  /// With `ask` the bytes of pages not needed never come.
  private func skipUnsent() {
    guard order.ask else { return }
    while page < order.slice.count, !need.bit(page) { page += 1 }
  }

  /// The buffer being filled; waits for one of the put's own when all are being written.
  private func currentBuffer() -> ExtentBuffer {
    if let buffer { return buffer }
    var next = completion.takeBuffer(wait: false)
    if next == nil, completion.buffersOwned == 1,
      // A second buffer is a luxury: without it the put waits for its first to be written.
      let second = engine.staging.take(
        payloadBytes: bufferBytes, for: claimant, isLuxury: true)
    {
      completion.adopt(second)
      next = completion.takeBuffer(wait: false)
    }
    guard let taken = next ?? waitForBuffer() else {
      preconditionFailure("a put without a buffer of its own")
    }
    stage(taken)
    buffer = taken
    return taken
  }

  /// Receives into the arena where the extent's pages fill whole chunks: then they are hot without
  /// a copy. Where it has no room, into the buffer.
  private func stage(_ buffer: ExtentBuffer) {
    let extent = extents[extentIndex]
    guard extent.payloadBytes <= Limits.extentPayloadBytesMax,
      extent.pages.allSatisfy({ Int($0.rawBytes) % Limits.arenaChunkBytes == 0 })
    else { return }
    buffer.stage(in: engine.arena.stage(extent.payloadBytes))
  }

  private func waitForBuffer() -> ExtentBuffer? {
    let started = engine.clock.monotonicNanos()
    defer { waitedNanos += engine.clock.monotonicNanos() - started }
    return completion.takeBuffer(wait: true)
  }

  private func hashReceived(_ count: Int) {
    guard let buffer else { preconditionFailure("bytes came in without a buffer") }
    if pageReceived == 0 { hash.reset() }
    let bytes = unsafe buffer.payload(offset: cursor + pageReceived, count: count)
    precondition(bytes.count == count, "bytes are received into one piece of memory")
    unsafe hash.update(UnsafeRawBufferPointer(bytes))
  }

  /// All bytes of a claimed page are in the buffer: it is verified and kept, or its room is reused.
  private func pageIsIn() {
    let planned = extents[extentIndex].pages[pageInExtent]
    precondition(planned.index == page, "the plan and the bytes disagree about the page")
    if hash.digest() == planned.checksum {
      verified.append(VerifiedPage(planned: planned, payloadOffset: cursor))
      cursor += Int(planned.rawBytes)
    } else {
      engine.counters.checksumMismatches.add()
      settle(planned, .checksumMismatch)
    }
    advanceInExtent()
  }

  private func advanceInExtent() {
    pageInExtent += 1
    guard pageInExtent == extents[extentIndex].pages.count else { return }
    submitExtent()
    extentIndex += 1
    pageInExtent = 0
  }

  /// Hands the filled buffer to the I/O pool; the answer waits for it.
  private func submitExtent() {
    guard let full = buffer else { return }
    buffer = nil
    cursor = 0
    let pages = verified
    verified.removeAll()
    guard !pages.isEmpty else {
      full.stage(in: nil)
      return completion.giveBuffer(full)
    }
    completion.begin()
    let job: @Sendable () -> Void = { [self, engine, order, namespace, completion] in
      let outcome = engine.store(
        pages, in: full, namespace: namespace, ttlSeconds: order.ttlSeconds)
      full.stage(in: nil)
      completion.giveBuffer(full)
      for page in pages { settle(page.planned, outcome) }
      endPart()
    }
    do {
      let bytes = pages.reduce(0) { $0 + Int($1.planned.rawBytes) }
      try engine.background(for: claimant, cost: bytes, job)
    } catch {
      // The queue is full: the receiving thread writes by itself, which slows just this client.
      job()
    }
  }

  /// The bytes broke off at `page`: everything from there on is settled as the contract says.
  private func cutOff() {
    let cut = page
    for extent in extents {
      for planned in extent.pages where planned.index >= cut {
        let broken = planned.index == cut && pageReceived > 0
        settle(planned, broken ? .lengthMismatch : .notAttempted)
      }
    }
    guard !order.ask else { return }
    for index in cut..<order.slice.count where !need.bit(index) {
      completion.set(index, index == cut && pageReceived > 0 ? .lengthMismatch : .notAttempted)
    }
  }

  // MARK: - Ending

  private func settle(_ planned: PlannedPage, _ outcome: PageOutcome) {
    completion.set(planned.index, outcome)
    if outcome != .stored { engine.counters.pagesRefused.add() }
    engine.inFlight.resolve(planned.name, outcome)
  }

  /// Ends one part; the last one waits for the group commit if the put is durable, then tells.
  func endPart() {
    guard completion.end() else { return }
    for buffer in completion.drainBuffers() { engine.staging.give(buffer, from: claimant) }
    guard order.durable else { return completion.tell() }
    engine.whenSynced(since: repaired) { [completion] synced in
      if !synced { completion.failStored() }
      completion.tell()
    }
  }
}

/// A page whose bytes lie verified in an extent buffer.
struct VerifiedPage: Sendable {
  let planned: PlannedPage
  let payloadOffset: Int
}
