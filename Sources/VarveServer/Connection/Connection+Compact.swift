// A compaction on behalf of a client. It may take minutes, so it has a thread of its own instead of
// one of the pool that reads pages; one at a time in the whole daemon.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension Connection {
  func compact(_ stream: UInt32, _ request: CompactRequest) throws(Refusal) {
    guard calls.compaction.begin() else {
      throw Refusal(
        .resourceExhausted, "a compaction is running; retry when it has ended",
        limit: "compactions_max", limitValue: 1, value: 2)
    }
    let isStarted = Thread.start("varve-compact") { [self] in
      // Freed before the answer: a client that has it may ask for the next one.
      do throws(Refusal) {
        defer { calls.compaction.end() }
        try calls.compact(request) { progress in report(stream, progress) }
      } catch {
        return refuse(stream, error)
      }
      answer(stream, [])
    }
    guard isStarted else {
      calls.compaction.end()
      throw Refusal(.resourceExhausted, "the system has no thread for it; retry later")
    }
  }

  /// Sends a step; false stops the work because nobody waits for it any more. A client that does
  /// not read loses steps, not the end.
  private func report(_ stream: UInt32, _ progress: Progress) -> Bool {
    let (isOpen, isRoom) = state.update { state in
      (
        !state.isDead && !state.isClosing && state.session.isOpen(stream),
        state.control.count < Limits.outgoingFramesMax / 2
      )
    }
    if isOpen, isRoom { return answerPart(stream, progress.encode()) }
    return isOpen
  }
}

/// One compaction at a time.
package final class CompactionGate: Sendable {
  private let isRunning = Locked(false)

  package init() {}

  func begin() -> Bool {
    isRunning.withLock { running in
      guard !running else { return false }
      running = true
      return true
    }
  }

  func end() { isRunning.withLock { $0 = false } }
}
