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
    let next = Locked(seed)
    let started = SystemClock().monotonicNanos()
    let workers = (0..<max(1, min(8, threads))).map { slot in
      NamedThread("fault-\(slot)") {
        while true {
          let mine = next.withLock { next in
            defer { next += 1 }
            return next
          }
          if mine >= seed + UInt64(histories) { return }
          if total.withLock({ !$0.failures.isEmpty }) { return }
          let tally = FaultRun(seed: mine, slot: slot, isCanary: canary).run()
          total.withLock { $0.add(tally) }
        }
      }
    }
    for worker in workers { worker.join() }
    let tally = total.withLock { $0 }
    for line in tally.lines { print(line) }
    print("  \((SystemClock().monotonicNanos() - started) / 1_000_000_000) s")
    for failure in tally.failures.prefix(canary ? 1 : 10) {
      print("\(canary ? "canary seen" : "FAILED"): \(failure.place)")
      for problem in failure.problems.prefix(5) { print("    \(problem)") }
    }
    if canary {
      let seen = !tally.failures.isEmpty
      print("torture canary: \(seen ? 1 : 0) passed, \(seen ? 0 : 1) failed")
      if !seen { throw ExitCode(1) }
      return
    }
    print("torture: \(tally.runCount - tally.failures.count) passed, \(tally.failures.count) failed")
    if !tally.failures.isEmpty { throw ExitCode(1) }
  }
}
