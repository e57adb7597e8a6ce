// `varvetorture fault`: one fault at every call index of seeded histories.

import ArgumentParser
import VarveBase
import VarveFile
import VarveTorture

struct FaultCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fault", abstract: "One fault at every call of seeded histories.")

  @Option(help: "Histories.") var histories = 4
  @Option(help: "First seed.") var seed: UInt64 = 1
  @Option(help: "Threads.") var threads = 2
  @Flag(help: "Leave one thing out at a time: every such run must fail.") var canary = false

  func run() throws {
    CaseNote.install()
    if canary { return try runCanaries() }
    let started = SystemClock().monotonicNanos()
    let tally = tally(nil)
    for line in tally.lines { print(line) }
    print("  \((SystemClock().monotonicNanos() - started) / 1_000_000_000) s")
    try Workers.verdict("torture", tally.runCount, tally.failures, isCanary: false)
  }

  private func runCanaries() throws {
    var seen: [(name: String, failure: Failure?, runs: Int)] = []
    for canary in FaultCanary.allCases {
      let tally = tally(canary)
      seen.append((canary.rawValue, tally.failures.first, tally.runCount))
    }
    try Workers.verdict("torture", canaries: seen)
  }

  private func tally(_ canary: FaultCanary?) -> FaultTally {
    canary?.begin()
    defer { canary?.end() }
    let total = Locked(FaultTally())
    Workers.run(threads: threads, seeds: seed..<seed + UInt64(histories), name: "fault") {
      seed, slot in
      let tally = FaultRun(seed: seed, slot: slot, canary: canary).run()
      return total.withLock {
        $0.add(tally)
        return $0.failures.isEmpty
      }
    }
    return total.withLock { $0 }
  }
}
