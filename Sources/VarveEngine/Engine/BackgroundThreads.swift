// The engine's own threads: one commits groups, one seals and flushes, some merge. Each runs a
// plain function when it is asked or when its interval is over, so that tests and simulation can
// call the same function without any thread.

internal import Synchronization
internal import VarveBase
internal import VarveFile

/// A thread that runs `work` when woken or every `intervalNanos`.
final class Worker: Sendable {
  private struct State {
    var isAsked = false
    var isStopping = false
    var isDone = false
  }

  private let state = Monitor(State())
  private let intervalNanos: UInt64
  private let work: @Sendable () -> Void

  init(name: String, intervalNanos: UInt64, work: @escaping @Sendable () -> Void) {
    self.intervalNanos = intervalNanos
    self.work = work
    _ = NamedThread(name) { [self] in run() }
  }

  /// Runs the work soon; asking twice before it runs is asking once.
  func wake() { state.update { $0.isAsked = true } }

  /// Waits until the work that runs is over; it will not run again.
  func stop() {
    state.update { $0.isStopping = true }
    _ = state.wait { $0.isDone ? true : nil }
  }

  private func run() {
    while true {
      // The monitor waits on the machine's clock even where a test stops the store's.
      let deadline = SystemClock().monotonicNanos() + intervalNanos
      let stops = state.wait(until: deadline) { state -> Bool? in
        if state.isStopping { return true }
        guard state.isAsked else { return nil }
        state.isAsked = false
        return false
      }
      if stops == true { break }
      work()
    }
    state.update { $0.isDone = true }
  }
}

/// The workers of one engine, started after recovery.
final class BackgroundThreads: Sendable {
  private struct State {
    var syncer: Worker?
    var indexer: Worker?
    var mergers: [Worker] = []
  }

  /// What the workers do.
  struct Work: Sendable {
    let sync: @Sendable () -> Void
    let index: @Sendable () -> Void
    let merge: @Sendable () -> Void
  }

  private let state = Locked(State())

  func start(syncMillis: Int, mergers: Int, _ work: Work) {
    state.withLock {
      // Half the interval: what is written right after a sync waits for the next but one at most.
      $0.syncer = Worker(
        name: "varve-sync", intervalNanos: UInt64(syncMillis) * 500_000, work: work.sync)
      $0.indexer = Worker(name: "varve-index", intervalNanos: 1_000_000_000, work: work.index)
      $0.mergers = (0..<mergers).map { number in
        Worker(name: "varve-merge-\(number)", intervalNanos: 1_000_000_000, work: work.merge)
      }
    }
  }

  func wakeSyncer() { state.withLock { $0.syncer }?.wake() }

  func wakeIndexer() { state.withLock { $0.indexer }?.wake() }

  func wakeMergers() { for merger in state.withLock({ $0.mergers }) { merger.wake() } }

  func stop() {
    let stopped = state.withLock { state in
      defer { state = State() }
      return state
    }
    stopped.indexer?.stop()
    for merger in stopped.mergers { merger.stop() }
    stopped.syncer?.stop()
  }
}
