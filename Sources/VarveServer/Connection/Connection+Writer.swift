// The writer: small frames first, then one frame of each get in turn, page bytes straight from
// where they lie. Everything it waits for is a change of the connection's state.

internal import Logging
internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension Connection {
  private enum Turn {
    case batch(OutgoingBatch, ended: [EndedCall])
    case finished
  }

  func runWriter() {
    while true {
      let deadline = clock.monotonicNanos() + UInt64(settings.stallMillis) * 1_000_000
      guard let turn = state.wait(until: deadline, { next(&$0) }) else {
        if isStuckOnWindows() { return kill() }
        continue
      }
      guard case .batch(let batch, let ended) = turn else { break }
      let sendStart = clock.monotonicNanos()
      do {
        try batch.write(to: socket)
      } catch {
        if error == .stalled { stalled("sending") }
        return kill()
      }
      calls.metrics.bytesOut.add(batch.byteCount)
      // Wakes a reader that waits because too many answers were queued.
      state.update {
        $0.isWriting = false
        $0.pageBytes -= batch.pageBytes
        $0.answersLeft(ledger)
      }
      batch.context?.add(since: sendStart, to: .send)
      for call in ended { conclude(call) }
      if batch.hasRuns { produceWhereWanted() }
    }
    // The peer shall read to the end before it sees the socket close, and gets a moment to do so.
    socket.shutdownSending()
    state.update { $0.isSendingDone = true }
    let deadline = clock.monotonicNanos() + UInt64(Limits.goAwayMillis) * 1_000_000
    if state.wait(until: deadline, { $0.isReaderDone ? true : nil }) == nil { kill() }
  }

  func stalled(_ doing: String) {
    calls.metrics.connectionsStalled.add()
    logger.info(
      "connection closed: its peer did not go on",
      metadata: ["while": "\(doing)", "millis": "\(settings.stallMillis)"])
  }

  /// What to send next; nil: nothing can be sent now.
  private func next(_ state: inout State) -> Turn? {
    if state.isDead { return .finished }
    // What follows an answer that is on its way must not overtake it.
    if state.isAnswering { return nil }
    var batch = OutgoingBatch()
    for bytes in state.control { batch.append(bytes) }
    state.control.removeAll(keepingCapacity: true)
    state.sendingBytes = state.controlBytes
    state.controlBytes = 0
    var ended: [EndedCall] = []
    if !state.isClosing { appendPages(&state, &batch, &ended) }
    if !batch.isEmpty {
      state.isWriting = true
      return .batch(batch, ended: ended)
    }
    return state.isDrained ? .finished : nil
  }

  /// One frame of the first get in turn that can send; then the others come first.
  private func appendPages(
    _ state: inout State, _ batch: inout OutgoingBatch, _ ended: inout [EndedCall]
  ) {
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
        if let call = endCall(stream, &state) { ended.append(call) }
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
    batch.context = get.context
    switch get.step {
    case .wait: return false
    case .end:
      if let head = state.session.response(on: stream, last: true) { batch.append(head) }
      return true
    case .head(let message, let bytes):
      let count = min(bytes, most)
      // A head alone tells the client what its window is needed for.
      guard
        let head = state.session.response(
          on: stream, message, payloadBytes: count, last: false)
      else { return true }
      batch.append(head)
      get.send(count, into: &batch)
    case .bytes(let bytes):
      let count = min(bytes, most)
      guard count > 0, let head = state.session.data(on: stream, payloadBytes: count) else {
        return false
      }
      batch.append(head)
      get.send(count, into: &batch)
    }
    return false
  }

  /// Nothing could be sent for the whole stall time though pages wait: no WINDOW came.
  private func isStuckOnWindows() -> Bool {
    let stuck = state.update { state in
      state.gets.contains { $0.value.queuedBytes > 0 }
    }
    if stuck { stalled("waiting for WINDOW") }
    return stuck
  }
}
