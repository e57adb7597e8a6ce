// Durable puts wait here for the group commit that covers them, without holding a thread.

internal import VarveBase

/// Callbacks to run once a sync that began after they were added has ended.
final class SyncWaiters: Sendable {
  /// `true`: synced; `false`: the log failed and never will be.
  typealias Waiter = @Sendable (Bool) -> Void

  private struct State {
    var waiting: [Waiter] = []
    var failed = false
  }

  private let state: Locked<State>

  init() { state = Locked(State()) }

  /// Runs `waiter` after the next sync. The caller then asks for one.
  func add(_ waiter: @escaping Waiter) {
    let failed = state.withLock {
      if !$0.failed { $0.waiting.append(waiter) }
      return $0.failed
    }
    if failed { waiter(false) }
  }

  /// Takes those that wait now; the caller syncs and then runs them. Who is added later waits for
  /// the next sync: its append may have missed this one.
  func take() -> [Waiter] {
    state.withLock { state in
      defer { state.waiting.removeAll() }
      return state.waiting
    }
  }

  /// A sync failed: nobody waits for one again.
  func fail() {
    let all = state.withLock { state -> [Waiter] in
      state.failed = true
      defer { state.waiting.removeAll() }
      return state.waiting
    }
    for waiter in all { waiter(false) }
  }
}
