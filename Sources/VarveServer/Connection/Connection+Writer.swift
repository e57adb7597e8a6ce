// The writer: sends what the kernel did not take at once, and everything that nobody sends himself.
// Everything it waits for is a change of the connection's state.

internal import Logging
internal import VarveBase

extension Connection {
  private enum Turn {
    case batch(OutgoingBatch)
    case finished
  }

  func runWriter() {
    while true {
      let deadline = clock.monotonicNanos() + UInt64(settings.stallMillis) * 1_000_000
      guard let turn = state.wait(until: deadline, { nextTurn(&$0) }) else {
        if isStuckOnWindows() { return kill() }
        continue
      }
      guard case .batch(var batch) = turn else { break }
      let sendStart = clock.monotonicNanos()
      do {
        try batch.send(to: socket)
      } catch {
        if error == .stalled { stalled("sending") }
        return kill()
      }
      // Wakes a reader that waits because too many answers were queued.
      let hasGets = state.update { state in
        state.left(batch, ledger)
        return !state.gets.isEmpty
      }
      concludeSending(batch, since: sendStart, hasGets: hasGets)
    }
    // The peer shall read to the end before it sees the socket close, and gets a moment to do so.
    socket.shutdownSending()
    state.update { $0.isSendingDone = true }
    let deadline = clock.monotonicNanos() + UInt64(Limits.goAwayMillis) * 1_000_000
    if state.wait(until: deadline, { $0.isReaderDone ? true : nil }) == nil { kill() }
  }

  private func nextTurn(_ state: inout State) -> Turn? {
    if state.isDead { return .finished }
    if let batch = takeBatch(&state) { return .batch(batch) }
    return state.isDrained ? .finished : nil
  }

  func stalled(_ doing: String) {
    calls.metrics.connectionsStalled.add()
    logger.info(
      "connection closed: its peer did not go on",
      metadata: ["while": "\(doing)", "millis": "\(settings.stallMillis)"])
  }

  /// Nothing could be sent for the whole stall time though pages wait: no WINDOW came.
  private func isStuckOnWindows() -> Bool {
    let stuck = state.peek { state in state.gets.contains { $0.value.queuedBytes > 0 } }
    if stuck { stalled("waiting for WINDOW") }
    return stuck
  }
}
