// The threads that may wait for the disk. Nobody else does; a full queue is told to the client at
// once.

internal import VarveBase
internal import VarveFile

/// A fixed number of threads and a bounded queue of jobs, fair between namespaces.
package final class IOPool: Sendable {
  package typealias Job = @Sendable () -> Void

  private struct State {
    var queue = FairQueue<Job>()
    var isClosed = false
    var runningCount = 0
  }

  /// The cost of a job that moves hardly any bytes.
  package static let smallJobBytes = 64 << 10

  package let queueMax: Int
  private let isInline: Bool
  private let state = Monitor(State())
  private let threads = Locked<[NamedThread]>([])

  /// - Parameters:
  ///   - threads: 1 … `Limits.ioThreadsMax`; 0 runs every job where it is submitted, for
  ///     simulations.
  ///   - queueMax: jobs that may wait.
  package init(threads count: Int, queueMax: Int = Limits.ioQueueMax, name: String = "varve-io") {
    precondition(count >= 0 && count <= Limits.ioThreadsMax, "\(count) I/O threads")
    precondition(queueMax >= 1 && queueMax <= Limits.ioQueueMax, "I/O queue of \(queueMax)")
    self.queueMax = queueMax
    isInline = count == 0
    let state = state
    let made = (0..<count).map { index in
      NamedThread("\(name)-\(index)") { Self.work(state) }
    }
    threads.withLock { $0 = made }
  }

  /// Queues a job; false when the queue has no place for one more of the claimant's, or the pool
  /// is closed (the job is then not run).
  ///
  /// - Parameters:
  ///   - cost: bytes that it moves; threads are shared by them.
  ///   - isBounded: false for a job that has waited in another bounded line.
  package func submit(
    for claimant: Claimant = .engine, cost: Int = smallJobBytes, isBounded: Bool = true,
    _ job: @escaping Job
  ) -> Bool {
    // The threads are alike, and each looks at the queue before it waits: one is enough.
    let isTaken = state.change { state, wake in
      if state.isClosed || isBounded && !hasPlace(claimant, state.queue) { return false }
      if isInline { return true }
      state.queue.append(job, of: claimant, cost: cost)
      wake = .one
      return true
    }
    if isTaken, isInline { job() }
    return isTaken
  }

  private func hasPlace(_ claimant: Claimant, _ queue: FairQueue<Job>) -> Bool {
    FairShare.admits(
      claimant, held: queue.count(of: claimant), adding: 1, free: queueMax - queue.count)
  }

  /// Jobs waiting for a thread.
  package var queuedCount: Int { state.peek { $0.queue.count } }

  /// Jobs being run.
  package var runningCount: Int { state.peek { $0.runningCount } }

  /// Runs what is queued, then ends the threads. Not from a job.
  package func close() {
    state.update { $0.isClosed = true }
    let joined = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in joined { thread.join() }
  }

  private static func work(_ state: Monitor<State>) {
    while let job = next(state) {
      job()
      state.change { state, _ in state.runningCount -= 1 }
    }
  }

  private static func next(_ state: Monitor<State>) -> Job? {
    let next = state.wait { state -> Job?? in
      if let job = state.queue.popFirst() {
        state.runningCount += 1
        return .some(job)
      }
      return state.isClosed ? .some(nil) : nil
    }
    return next ?? nil
  }
}
