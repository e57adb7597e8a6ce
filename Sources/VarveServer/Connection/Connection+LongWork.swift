// Work on behalf of a client that may take minutes: compaction, scrub, drain. It has a thread of
// its own instead of one of the pool that reads pages.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension Connection {
  func compact(_ stream: UInt32, _ request: CompactRequest) throws(Refusal) {
    try work("compaction", calls.compaction, stream) { [self] () throws(Refusal) in
      try calls.compact(request) { progress in report(stream, progress) }
    }
  }

  func scrub(_ stream: UInt32, _ request: ScrubRequest) throws(Refusal) {
    try work("scrub", calls.scrubbing, stream) { [self] () throws(Refusal) in
      try calls.scrub(request) { progress in report(stream, progress) }
    }
  }

  func drain(_ stream: UInt32, _ request: DrainRequest) throws(Refusal) {
    try thread("varve-drain") { [self] in
      do throws(Refusal) {
        answer(stream, try calls.drain(request).encode())
      } catch {
        refuse(stream, error)
      }
    }
  }

  /// A work of which there is one at a time; its steps were sent when it ends.
  private func work(
    _ name: String, _ gate: WorkGate, _ stream: UInt32,
    _ body: @escaping @Sendable () throws(Refusal) -> Void
  ) throws(Refusal) {
    guard gate.begin() else {
      throw Refusal(
        .resourceExhausted, "a \(name) is running; retry when it has ended",
        limit: "\(name)s_max", limitValue: 1, value: 2)
    }
    do throws(Refusal) {
      try thread("varve-\(name.prefix(8))") { [self] in
        // Freed before the answer: a client that has it may ask for the next one.
        do throws(Refusal) {
          defer { gate.end() }
          try body()
        } catch {
          return refuse(stream, error)
        }
        answer(stream, [])
      }
    } catch {
      gate.end()
      throw error
    }
  }

  private func thread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Refusal) {
    guard Thread.start(name, body) else {
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
