// `varvetorture metamorphic`: equal answers whatever the options.

import ArgumentParser
import VarveBase
import VarveFile
import VarveTorture

struct MetamorphicCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metamorphic", abstract: "One history over every option set.")

  @Option(help: "Histories.") var histories = 20
  @Option(help: "First seed.") var seed: UInt64 = 1
  @Option(help: "Threads.") var threads = 2
  @Flag(help: "One option set loses an answer: the run must fail.") var canary = false

  func run() throws {
    CaseNote.install()
    let total = Locked(MetamorphicTally())
    let started = SystemClock().monotonicNanos()
    Workers.run(threads: threads, seeds: seed..<seed + UInt64(histories), name: "meta") {
      seed, slot in
      let tally = MetamorphicRun(seed: seed, slot: slot, isCanary: canary).run()
      return total.withLock {
        $0.add(tally)
        return $0.failures.isEmpty
      }
    }
    let tally = total.withLock { $0 }
    let seconds = (SystemClock().monotonicNanos() - started) / 1_000_000_000
    print(
      "\(tally.histories) histories over \(OptionSet.all.count) option sets, "
        + "\(tally.answers) answers compared, \(seconds) s")
    try Workers.verdict("metamorphic", tally.runs, tally.failures, isCanary: canary)
  }
}
