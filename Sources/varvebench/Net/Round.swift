// One round of one side: connections that begin together, ask until the time is over, and end with
// their last whole answer. Both sides are driven by this, so both are clocked alike.

import Foundation
import VarveBase
import VarveFile

/// What a connection did in a round.
struct Work: Hashable, Sendable {
  var calls = 0
  var bytes = 0
  var pages = 0
}

/// One connection of a round: made on its own thread, before the clock starts.
protocol Load {
  /// One call; nil: there is nothing more to ask for, the round ends early.
  mutating func call() throws -> Work?
}

enum Round {
  private struct State {
    var readyCount = 0
    var endedCount = 0
    var hasBegun = false
    var deadline: UInt64 = 0
    var work = Work()
    var failure: Failure?
  }

  /// Runs `connections` loads for about `seconds`; `pid` is the process that serves them.
  static func run(
    connections: Int, seconds: Double, pid: Int32,
    _ make: @escaping @Sendable (_ connection: Int) throws -> any Load
  ) throws -> Sample {
    let state = Monitor(State())
    let clock = SystemClock()
    for connection in 0..<connections {
      _ = NamedThread("bench-\(connection)") {
        do {
          var load = try make(connection)
          state.update { $0.readyCount += 1 }
          let deadline = state.wait { $0.hasBegun ? $0.deadline : nil } ?? 0
          while clock.monotonicNanos() < deadline, let done = try load.call() {
            state.update {
              $0.work.calls += done.calls
              $0.work.bytes += done.bytes
              $0.work.pages += done.pages
            }
          }
        } catch {
          state.update { $0.failure = $0.failure ?? error as? Failure ?? Failure("\(error)") }
        }
        state.update { $0.endedCount += 1 }
      }
    }
    _ = state.wait { $0.readyCount == connections || $0.failure != nil ? true : nil }
    var sample = Sample()
    let (server, client) = (try ProcessClock.seconds(of: pid), ownSeconds())
    let began = clock.monotonicNanos()
    state.update {
      $0.deadline = $0.failure == nil ? began + UInt64(seconds * 1e9) : 0
      $0.hasBegun = true
    }
    let (work, failure) =
      state.wait { $0.endedCount == connections ? ($0.work, $0.failure) : nil } ?? (Work(), nil)
    if let failure { throw failure }
    sample.seconds = Double(clock.monotonicNanos() - began) / 1e9
    sample.serverCPU = try ProcessClock.seconds(of: pid) - server
    sample.clientCPU = ownSeconds() - client
    (sample.calls, sample.bytes, sample.pages) = (work.calls, work.bytes, work.pages)
    guard work.calls > 0 else {
      throw Failure("a round ended without a call: give it more seconds")
    }
    return sample
  }

  /// Processor time of this process, in microseconds' steps.
  private static func ownSeconds() -> Double {
    var usage = rusage()
    let status = unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
    precondition(status == 0, "getrusage gave \(status)")
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }
}
