// A compaction on behalf of a client. It may take minutes, so it has a thread of its own instead of
// one of the pool that reads pages; one at a time in the whole daemon.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension Calls {
  func compactInThread(_ request: CompactRequest, _ reply: any CallReply) throws(Refusal) {
    guard compaction.begin() else {
      throw Refusal(
        .resourceExhausted, "a compaction is running; retry when it has ended",
        limit: "compactions_max", limitValue: 1, value: 2)
    }
    let isStarted = Thread.start("varve-compact") { [self] in
      // Freed before the answer: a client that has it may ask for the next one.
      do throws(Refusal) {
        defer { compaction.end() }
        try compact(request) { progress in Self.report(progress, to: reply) }
      } catch {
        return reply.refuse(error)
      }
      reply.endParts()
    }
    guard isStarted else {
      compaction.end()
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
