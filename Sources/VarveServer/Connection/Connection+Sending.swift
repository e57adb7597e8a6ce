// Sending, whoever does it: the writer, or the thread that has made something, as far as the kernel
// takes it without waiting. One batch at a time is in somebody's hands.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension Connection {
  /// Sends what is ready on the calling thread; what the kernel does not take at once is the
  /// writer's. Waking the writer costs a small call more than all the rest.
  func sendNow() {
    let taken = state.change { state, wake -> OutgoingBatch? in
      let batch = takeBatch(&state)
      if batch == nil, state.needsWriter { wake = .everybody }
      return batch
    }
    guard var batch = taken else { return }
    let sendStart = clock.monotonicNanos()
    let isWhole: Bool
    do {
      isWhole = try batch.sendNow(to: socket)
    } catch {
      return kill()
    }
    let hasGets = state.change { state, wake in
      if isWhole { state.left(batch, ledger) } else { state.putBack(batch) }
      if state.needsWriter || state.isReaderWaiting { wake = .everybody }
      return !state.gets.isEmpty
    }
    if isWhole { concludeSending(batch, since: sendStart, hasGets: hasGets) }
  }

  /// A batch has left.
  ///
  /// - Parameter hasGets: there are gets that may want a further batch now.
  func concludeSending(_ batch: OutgoingBatch, since start: UInt64, hasGets: Bool) {
    calls.metrics.bytesOut.add(batch.byteCount)
    batch.context?.add(since: start, to: .send)
    for call in batch.ended { conclude(call) }
    if hasGets, batch.hasRuns { produceWhereWanted() }
  }

  /// What to send next, from now on in the caller's hands: small frames, then one frame of the
  /// first get in turn. Nil: nothing can be sent now.
  func takeBatch(_ state: inout State) -> OutgoingBatch? {
    if state.isDead || state.isWriting { return nil }
    var batch = OutgoingBatch()
    if let unsent = state.unsent {
      batch = unsent
      state.unsent = nil
    } else {
      for bytes in state.control { batch.append(bytes) }
      state.control.removeAll(keepingCapacity: true)
      state.sendingBytes = state.controlBytes
      state.controlBytes = 0
      if !state.isClosing { appendPages(&state, &batch) }
    }
    state.isWriting = !batch.isEmpty
    return batch.isEmpty ? nil : batch
  }

  /// One frame of the first get in turn that can send; then the others come first.
  private func appendPages(_ state: inout State, _ batch: inout OutgoingBatch) {
    for _ in 0..<state.turns.count {
      let stream = state.turns.removeFirst()
      guard var get = state.gets[stream], let sendable = state.session.sendableBytes(on: stream)
      else {
        state.dropGet(stream)
        continue
      }
      let before = batch.byteCount
      let isEnd = append(&get, stream, sendable, &state, &batch)
      if isEnd {
        state.gets[stream] = nil
        if let call = endCall(stream, &state) { batch.ended.append(call) }
      } else {
        state.gets[stream] = get
        state.turns.append(stream)
      }
      if batch.byteCount > before { return }
    }
  }

  /// The next frame of one get; true when it was the last.
  private func append(
    _ get: inout OutgoingGet, _ stream: UInt32, _ sendable: Int, _ state: inout State,
    _ batch: inout OutgoingBatch
  ) -> Bool {
    let most = min(sendable, Limits.sendFrameBytesMax)
    let head: [UInt8]?
    let count: Int
    let isLast: Bool
    switch get.step {
    case .wait: return false
    case .end:
      if let head = state.session.response(on: stream, last: true) { batch.append(head) }
      return true
    case .head(let message, let bytes):
      count = min(bytes, most)
      isLast = get.ends(with: count)
      // A head alone tells the client what its window is needed for.
      head = state.session.response(on: stream, message, payloadBytes: count, last: isLast)
    case .bytes(let bytes):
      count = min(bytes, most)
      if count == 0 { return false }
      isLast = get.ends(with: count)
      head = state.session.data(on: stream, payloadBytes: count, last: isLast)
    }
    guard let head else { return true }
    batch.context = get.context
    batch.append(head)
    get.send(count, into: &batch)
    return isLast
  }
}

extension Connection.State {
  /// There is something to do that only the writer does.
  var needsWriter: Bool {
    !isWriting && (unsent != nil || !control.isEmpty || !turns.isEmpty || isDrained || isDead)
  }

  /// A batch has left whole.
  mutating func left(_ batch: OutgoingBatch, _ ledger: MemoryLedger) {
    isWriting = false
    pageBytes -= batch.pageBytes
    answersLeft(ledger)
  }

  /// The kernel has not taken all of it: the rest goes before everything else.
  mutating func putBack(_ batch: OutgoingBatch) {
    isWriting = false
    unsent = batch
  }
}
