// What the commands share: seeds spread over threads, and how a run ends.

import ArgumentParser
import VarveBase
import VarveFile
import VarveTorture

enum Workers {
  /// Gives every seed to one of `threads` (at most 8) until `body` says that it is enough (false).
  static func run(
    threads: Int, seeds: Range<UInt64>, name: String,
    _ body: @escaping @Sendable (_ seed: UInt64, _ slot: Int) -> Bool
  ) {
    let next = Locked<UInt64?>(seeds.lowerBound)
    let workers = (0..<max(1, min(8, threads))).map { slot in
      NamedThread("\(name)-\(slot)") {
        while true {
          let mine = next.withLock { next -> UInt64? in
            guard let seed = next, seed < seeds.upperBound else { return nil }
            next = seed + 1
            return seed
          }
          guard let mine else { return }
          if !body(mine, slot) { next.withLock { $0 = nil } }
        }
      }
    }
    for worker in workers { worker.join() }
  }

  /// The last lines of a run of canaries; each passes when it was seen.
  static func verdict(
    _ name: String, canaries: [(name: String, failure: Failure?, runs: Int)]
  ) throws {
    for canary in canaries {
      let word =
        canary.failure.map { "seen: \($0.problems.first ?? "") (\($0.place))" } ?? "NOT SEEN"
      print("canary: \(canary.name): \(word), in \(canary.runs) runs")
    }
    let missed = canaries.count { $0.failure == nil }
    print("\(name) canaries: \(canaries.count - missed) passed, \(missed) failed")
    if missed > 0 { throw ExitCode(1) }
  }

  /// The last lines of a run; a canary passes when it was seen.
  static func verdict(
    _ name: String, _ runs: Int, _ failures: [Failure], isCanary: Bool
  ) throws {
    for failure in failures.prefix(isCanary ? 1 : 10) {
      print("\(isCanary ? "canary seen" : "FAILED"): \(failure.place)")
      for problem in failure.problems.prefix(5) { print("    \(problem)") }
    }
    if isCanary {
      print("\(name) canary: \(failures.isEmpty ? "0 passed, 1 failed" : "1 passed, 0 failed")")
      if failures.isEmpty { throw ExitCode(1) }
      return
    }
    print("\(name): \(runs - failures.count) passed, \(failures.count) failed")
    if !failures.isEmpty { throw ExitCode(1) }
  }
}
