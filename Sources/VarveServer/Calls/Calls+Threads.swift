// Work on behalf of a client that may take minutes: compaction, scrub, drain. It has a thread of
// its own instead of one of the pool that reads pages, and answers to whichever protocol brought
// it.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension Calls {
  func compactInThread(_ request: CompactRequest, _ reply: any CallReply) throws(Refusal) {
    try work("compaction", compaction, reply) { [self] () throws(Refusal) in
      try compact(request) { progress in Self.report(progress, to: reply) }
    }
  }

  func scrubInThread(_ request: ScrubRequest, _ reply: any CallReply) throws(Refusal) {
    try work("scrub", scrubbing, reply) { [self] () throws(Refusal) in
      try scrub(request) { progress in Self.report(progress, to: reply) }
    }
  }

  func drainInThread(_ request: DrainRequest, _ reply: any CallReply) throws(Refusal) {
    try thread("varve-drain") { [self] in
      do throws(Refusal) {
        reply.answer(try drain(request).encode())
      } catch {
        reply.refuse(error)
      }
    }
  }

  /// A work of which there is one at a time; its steps were sent when it ends.
  private func work(
    _ name: String, _ gate: WorkGate, _ reply: any CallReply,
    _ body: @escaping @Sendable () throws(Refusal) -> Void
  ) throws(Refusal) {
    guard gate.begin() else {
      throw Refusal(
        .resourceExhausted, "a \(name) is running; retry when it has ended",
        limit: "\(name)s_max", limitValue: 1, value: 2)
    }
    do throws(Refusal) {
      try thread("varve-\(name.prefix(8))") {
        // Freed before the answer: a client that has it may ask for the next one.
        do throws(Refusal) {
          defer { gate.end() }
          try body()
        } catch {
          return reply.refuse(error)
        }
        reply.endParts()
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
  private static func report(_ progress: Progress, to reply: any CallReply) -> Bool {
    guard reply.isWanted else { return false }
    return reply.hasRoom ? reply.answerPart(progress.encode()) : true
  }
}
