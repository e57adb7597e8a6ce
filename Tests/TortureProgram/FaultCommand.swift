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
  @Flag(help: "Call everything durable that was not: the run must fail.") var canary = false

  func run() throws {
    CaseNote.install()
    let total = Locked(FaultTally())
    let started = SystemClock().monotonicNanos()
    Workers.run(threads: threads, seeds: seed..<seed + UInt64(histories), name: "fault") {
      seed, slot in
      let tally = FaultRun(seed: seed, slot: slot, isCanary: canary).run()
      return total.withLock {
        $0.add(tally)
        return $0.failures.isEmpty
      }
    }
    let tally = total.withLock { $0 }
    for line in tally.lines { print(line) }
    print("  \((SystemClock().monotonicNanos() - started) / 1_000_000_000) s")
    try Workers.verdict("torture", tally.runCount, tally.failures, isCanary: canary)
  }
}
