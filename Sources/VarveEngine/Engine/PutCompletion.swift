// The end of a put: what became of each page, counted down from several threads (extents being
// written, other puts' pages waited for, the group commit), told once.

internal import VarveBase

/// Collects the outcomes of one put and calls `done` when nothing is outstanding.
final class PutCompletion: Sendable {
  private struct State {
    var outcomes: [PageOutcome]
    /// 1 for the receiving itself, 1 for each extent being written and each page waited for.
    var parts = 1
    var extentsWriting = 0
    var freeBuffers: [ExtentBuffer] = []
    var buffersOwned = 0
    var done: (@Sendable ([PageOutcome]) -> Void)?
  }

  private let state: Monitor<State>

  init(count: Int) {
    state = Monitor(State(outcomes: [PageOutcome](repeating: .notAttempted, count: count)))
  }

  func set(_ index: Int, _ outcome: PageOutcome) { state.update { $0.outcomes[index] = outcome } }

  func outcome(_ index: Int) -> PageOutcome { state.update { $0.outcomes[index] } }

  /// One more thing the answer waits for.
  func begin() { state.update { $0.parts += 1 } }

  /// One thing less; true for the caller that ended the last: it owns the answer.
  func end() -> Bool {
    state.update {
      $0.parts -= 1
      precondition($0.parts >= 0, "a put ended more parts than it began")
      return $0.parts == 0
    }
  }

  func setDone(_ done: @escaping @Sendable ([PageOutcome]) -> Void) {
    state.update {
      precondition($0.done == nil, "a put is finished once")
      $0.done = done
    }
  }

  /// Tells the outcomes.
  func tell() {
    let (done, outcomes) = state.update { state in
      defer { state.done = nil }
      return (state.done, state.outcomes)
    }
    done?(outcomes)
  }

  /// The pages acknowledged as new lose that word: their sync failed.
  func failStored() {
    state.update {
      for index in $0.outcomes.indices
      where $0.outcomes[index] == .stored || $0.outcomes[index] == .alreadyPresent {
        $0.outcomes[index] = .dataLoss
      }
    }
  }
}

extension PutCompletion {
  /// The put owns one buffer more, free at first.
  func adopt(_ buffer: ExtentBuffer) {
    state.update {
      $0.buffersOwned += 1
      $0.freeBuffers.append(buffer)
    }
  }

  /// A free buffer of this put, waiting for one that is being written if `wait`.
  func takeBuffer(wait: Bool) -> ExtentBuffer? {
    if wait { return state.wait { (state) -> ExtentBuffer? in state.freeBuffers.popLast() } }
    return state.update { (state) -> ExtentBuffer? in state.freeBuffers.popLast() }
  }

  func giveBuffer(_ buffer: ExtentBuffer) { state.update { $0.freeBuffers.append(buffer) } }

  var buffersOwned: Int { state.update { $0.buffersOwned } }

  /// All buffers, when the put is over and every one is free.
  func drainBuffers() -> [ExtentBuffer] {
    state.update { state -> [ExtentBuffer] in
      precondition(
        state.freeBuffers.count == state.buffersOwned, "a put ended with a buffer in use")
      defer { state.freeBuffers.removeAll() }
      state.buffersOwned = 0
      return state.freeBuffers
    }
  }
}
