// Short forms of the harnesses, in debug and for coverage: `make crash`, `make torture` and
// `make metamorphic` run them at length in release.

import Testing
import VarveTorture

@Suite(.serialized) struct TortureTests {
  private func expectNone(_ failures: [Failure]) {
    for failure in failures.prefix(3) {
      Issue.record("\(failure.place): \(failure.problems.prefix(3))")
    }
  }

  @Test(arguments: [1, 2, 4] as [UInt64]) func aCrashedStoreKeepsItsWord(seed: UInt64) {
    let tally = CrashRun(seed: seed).run { $0.recoveries >= 300 }
    #expect(tally.recoveries >= 300)
    expectNone(tally.failures)
  }

  @Test func aFaultIsSurvived() {
    let tally = FaultRun(seed: 3, every: 23).run()
    #expect(tally.runCount > 20)
    expectNone(tally.failures)
  }

  @Test func optionsChangeNoAnswer() {
    let tally = MetamorphicRun(seed: 1).run()
    #expect(tally.runs == OptionSet.all.count && tally.answers > 1000)
    expectNone(tally.failures)
  }
}
