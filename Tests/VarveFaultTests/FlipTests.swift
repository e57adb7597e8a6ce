// Short forms of `make flip` and `make restart`.

import Foundation
import Testing
import VarveBase
import VarveEngine
import VarveFile

@testable import varvefaults

@Suite(.serialized) struct FlipTests {
  @Test func flippedBitsAreToldAndNeverServed() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var flips = FlipRun(seed: seed, every: 1201, payloadFlips: 2000)
    try flips.run(canary: false)
    #expect(flips.verdict.failed == 0, "seed \(seed)")
    #expect(flips.verdict.passed == 48)
  }

  /// In a process of its own: the switch is the whole process's.
  @Test func theCanaryIsSeen() async {
    await #expect(processExitsWith: .exitCode(3)) {
      var flips = FlipRun(seed: 1, every: 100_000, payloadFlips: 1000)
      try flips.run(canary: true)
      exit(flips.verdict.failed > 0 ? 3 : 0)
    }
  }

  @Test func aRestartReadsNoPayload() throws {
    let directory = try ScratchDirectory()
    var verdict = Verdict()
    try RestartFigure(directory: directory.path, gigabytes: 2, pageBytes: 1 << 20).run(&verdict)
    // The debug build is judged by what it reads, not by its time.
    #expect(verdict.failed <= 1)
    #expect(verdict.passed >= 3)
  }
}
