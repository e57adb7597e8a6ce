// A whole replay: workers take requests in the trace's order from one reader. With one worker the
// order is exact; with more, requests overlap as they would in a service.

import Dispatch
import Foundation
import VarveBase
import VarveClient

/// What the workers share, behind one lock.
private struct ReplayShared: ~Copyable {
  var reader: TraceReader
  let last: Int
  let first: Int
  var bar: ProgressBar
  var done = 0
  var tally = ReplayTally()
  var failure: Failure?

  /// The next request in range; nil when there is none, or the replay has failed.
  mutating func take() -> TraceRequest? {
    guard failure == nil else { return nil }
    do {
      while let request = try reader.next() {
        guard request.number < last else { return nil }
        if request.number >= first { return request }
      }
    } catch {
      failure = Failure(error)
    }
    return nil
  }

  mutating func finished(_ total: Int) {
    done += 1
    bar.update(done: UInt64(done), total: UInt64(total))
  }
}

/// Closed loop: a worker sends its next request when the last one is done.
final class ReplayRun: Sendable {
  private let plan: ReplayPlan
  private let total: Int
  private let shared: Locked<ReplayShared>

  init(
    _ plan: ReplayPlan, reader: sending TraceReader, requests: Range<Int>,
    console: Console
  ) {
    self.plan = plan
    let end = min(requests.upperBound, reader.head.requests ?? requests.upperBound)
    total = end == .max ? 0 : max(0, end - requests.lowerBound)
    shared = Locked(
      ReplayShared(
        reader: reader, last: requests.upperBound, first: requests.lowerBound,
        bar: ProgressBar(console, label: "replay")))
  }

  /// Runs to the end on `connections` threads; the tally and the seconds it took.
  func run(connections: Int) throws(Failure) -> (tally: ReplayTally, seconds: Double) {
    precondition(connections > 0, "a replay over \(connections) connections")
    let clock = SystemClock()
    let start = clock.monotonicNanos()
    let group = DispatchGroup()
    for number in 0..<connections {
      group.enter()
      let thread = Thread { [self] in
        work()
        group.leave()
      }
      thread.name = "replay-\(number)"
      thread.start()
    }
    group.wait()
    let seconds = Double(clock.monotonicNanos() - start) / 1e9
    let (tally, failure) = shared.withLock {
      $0.bar.finish()
      return ($0.tally, $0.failure)
    }
    if let failure { throw failure }
    return (tally, seconds)
  }

  private func work() {
    do throws(ClientError) {
      let worker = try ReplayWorker(plan)
      defer { worker.close() }
      do throws(ClientError) {
        while let request = shared.withLock({ $0.take() }) {
          try worker.step(request)
          shared.withLock { $0.finished(total) }
        }
      } catch {
        fail(error)
      }
      let tally = worker.tally
      shared.withLock { $0.tally.add(tally) }
    } catch {
      fail(error)
    }
  }

  private func fail(_ error: ClientError) {
    let failure = Failure(error, endpoint: plan.endpoint)
    shared.withLock { if $0.failure == nil { $0.failure = failure } }
  }
}
