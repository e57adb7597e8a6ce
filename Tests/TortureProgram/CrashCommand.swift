// `varvetorture crash`: histories crashed at every change until every kind of call has had its
// share of the recoveries.

import ArgumentParser
import VarveBase
import VarveTorture

struct CrashCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "crash", abstract: "Crash at every write, sync, rename and unlink, and recover.")

  @Option(help: "Recoveries to reach.") var recoveries = 20_000
  @Option(help: "First seed; histories take the ones behind it.") var seed: UInt64 = 1
  @Option(help: "Threads.") var threads = 2
  @Option(help: "Only this many histories; 0 for as many as it takes.") var histories = 0
  @Option(help: "Crash points of one history; 0 for every change it makes.")
  var points = CrashRun.pointsMax
  @Flag(help: "Leave one call out at a time: every such run must fail.") var canary = false

  func run() throws {
    CaseNote.install()
    if canary { return try runCanaries() }
    let started = SystemClock().monotonicNanos()
    var tally = parallel(target: recoveries, histories: histories, canary: nil)
    let seconds = Double(SystemClock().monotonicNanos() - started) / 1e9
    for line in tally.lines { print(line) }
    print("  \(Int(seconds)) s, \(Int(Double(tally.recoveries) / seconds)) recoveries a second")
    if histories == 0, tally.failures.isEmpty { tally.failures = tally.failuresToSee }
    try Workers.verdict("crash", tally.recoveries, tally.failures, isCanary: false)
  }

  private func runCanaries() throws {
    var seen: [(name: String, failure: Failure?, runs: Int)] = []
    for canary in Canary.all {
      let tally = parallel(target: 30_000, histories: 0, canary: canary)
      seen.append((canary.name, tally.failures.first, tally.recoveries))
    }
    try Workers.verdict("crash", canaries: seen)
  }

  /// Runs seeds on several threads until the quotas are full or something failed.
  private func parallel(target: Int, histories: Int, canary: Canary?) -> CrashTally {
    let pointsMax = points > 0 ? points : .max
    let total = Locked(CrashTally())
    let last = histories > 0 ? seed + UInt64(histories) : .max
    Workers.run(threads: threads, seeds: seed..<last, name: "crash") { seed, slot in
      let run = CrashRun(seed: seed, canary: canary, slot: slot, pointsMax: pointsMax)
      let tally = run.run { tally in
        canary != nil && !tally.failures.isEmpty
      }
      return total.withLock {
        $0.add(tally)
        return $0.failures.isEmpty && (histories > 0 || !$0.isFull(target))
      }
    }
    return total.withLock { $0 }
  }
}
