// Lines of results and the tables made of them: what is read from a file tells what was measured.

import Foundation
import Testing
import VarveTuner

@testable import varvebench

@Suite struct ResultTests {
  private static func round(
    _ side: String, _ round: Int, seconds: Double, cell: String = "put-1MiB"
  ) -> ResultLine {
    var sample = Sample(calls: 1, bytes: 1 << 30, pages: 1024, seconds: seconds)
    sample.clientCPU = 0.25
    return .round(
      MeasuredRound(bench: "engine", cell: cell, side: side, round: round, sample: sample))
  }

  private static let lines: [ResultLine] = [
    .machine(processors: 2, model: "m", load: 0.5, commit: "abc"),
    round("varve", 0, seconds: 2), round("raw", 0, seconds: 1), round("varve", 1, seconds: 1),
    round("raw", 1, seconds: 1), round("varve", 2, seconds: 1), round("raw", 2, seconds: 0.5),
    .figure(Figure(bench: "index", name: "reads", value: 1.25, unit: "", most: 1.3)),
    .figure(Figure(bench: "index", name: "share", value: 99, unit: "%", least: 99.9, note: "n")),
    .figure(Figure(bench: "index", name: "pages", value: 10_000_000, unit: "")),
    .peer(Peer(bench: "peers", side: "redis", configuration: "c", error: "not there")),
  ]

  /// A round over a socket, of a quarter GiB in half a second.
  private static func served(_ side: String, _ seconds: Double, bytes: Int) -> ResultLine {
    var sample = Sample(
      calls: 8, bytes: bytes, pages: 256, seconds: seconds, serverCPU: 0.125, clientCPU: 0.25)
    sample.latency = Percentiles(nanos: [1_000_000, 2_000_000])
    sample.unserved = side == "raw" ? 1 : 0
    sample.pressure = Pressure(someAvg10: 12.25, someRound: 50, load: 1.5)
    return .round(
      MeasuredRound(
        bench: "net", cell: "c", side: side, round: 0, sample: sample, isServed: true, rate: 4))
  }

  @Test func roundsOverASocketTellBothEndsAndTheMachine() throws {
    let lines = [Self.served("varve", 0.5, bytes: 1 << 28), Self.served("raw", 1, bytes: 1 << 28)]
    #expect(try ResultLines.parse(ResultLines.text(lines)) == lines)
    let table = ResultTable(lines).markdown()
    let ours = "| c | varve | 537 (537-537) |  | 0.50 | 1.00 | 1000 / 2000 / 2000 | 12 %, 1.5 |"
    let raw =
      "| c | raw | 268 (268-268) | 2.00 (2.00-2.00) | 0.50 | 1.00 | > 1000 / 2000 / 2000 "
      + "| 12 %, 1.5 |"
    #expect(table.contains(ours), "\(table)")
    #expect(table.contains(raw), "\(table)")
    let lookups = ResultTable([Self.served("varve", 0.5, bytes: 0)]).markdown()
    #expect(lookups.contains("| 512 (512-512) |  | 15625 µs | 31250 µs |"), "\(lookups)")
  }

  @Test func aRunOfTheTunerIsToldByItsBestShapes() throws {
    func phases(_ kind: String, _ shape: String, _ mebibytes: [Double]) -> [ResultLine] {
      zip(BenchLoad.phases, mebibytes).enumerated().map { phase, of in
        var seen = TunerObservation()
        seen.flushedBytes = UInt64(of.1 * 1_048_576)
        let result = PhaseResult(of.0, from: TunerObservation(), to: seen, shape: shape)
        return .tunerPhase(TunerPhaseLine(kind, shape, phase: phase, result))
      }
    }
    let run = TunerRun(
      scale: BenchScale(), phases: BenchLoad.phases, windows: 2, windowPages: 1_000, seed: 1)
    let lines =
      [.tunerRun(TunerRunLine(run, nil))]
      + phases("static", "T4 K3 Z1", [4, 4, 4, 4]) + phases("static", "T8 K7 Z7", [2, 5, 2, 2])
      + phases("static", "T2 K1 Z1", [9, 9, 9, 9]) + phases("tuner", "tuner", [3, 4, 2, 2])
    #expect(try ResultLines.parse(ResultLines.text(lines)) == lines)
    let table = ResultTable(lines).markdown()
    #expect(table.contains("| T8 K7 Z7 | 2.0 | 5.0 | 2.0 | 2.0 | 11.0 |"), "\(table)")
    #expect(table.contains("| tuner | 3.0 | 4.0 | 2.0 | 2.0 | 11.0 |"), "\(table)")
    let beside = "| tuner beside the best shape | +50.0 % | +0.0 % | +0.0 % | +0.0 % | +0.0 % |"
    #expect(table.contains(beside), "\(table)")
    #expect(table.contains("The other 1 shapes: 36.0 to 36.0 in all."), "\(table)")
  }

  @Test func whoDidNotRunIsNamed() {
    let table = ResultTable(Self.lines).markdown()
    #expect(table.contains("| redis | c | not there |"), "\(table)")
  }

  @Test func linesReadBackAsTheyWereWritten() throws {
    let text = try ResultLines.text(Self.lines)
    #expect(try ResultLines.parse(text) == Self.lines)
    #expect(try ResultLines.text(ResultLines.parse(text)) == text)
  }

  @Test(arguments: ["{}", "{\"kind\":\"round\"}", "{\"kind\":\"other\"}", "no json"])
  func otherLinesAreRefused(_ line: String) {
    #expect(throws: Failure.self) { try ResultLines.parse(line) }
  }

  @Test func ratiosAreOfRoundsThatRanTogether() {
    let table = ResultTable(Self.lines).markdown()
    #expect(table.hasPrefix("2 processors (m), load 0.5 before the run, commit abc."))
    let row =
      "| put-1MiB | 1074 (537-1074) | 0.25 | 1074 (1074-2147) | 0.25 | 0.50 (0.50-1.00) |"
    #expect(table.contains(row), "\(table)")
  }

  @Test func figuresAreHeldToTheirBounds() {
    let table = ResultTable(Self.lines).markdown()
    #expect(table.contains("| reads | 1.25 | ≤ 1.3 | met |  |"), "\(table)")
    #expect(table.contains("| share | 99 % | ≥ 99.9 | not met | n |"), "\(table)")
    #expect(table.contains("| pages | 10000000 |  |  |  |"), "\(table)")
  }

  @Test func aTableReplacesWhatStandsBetweenItsMarks() throws {
    let page = "a\n<!-- results x.jsonl -->\nold\n<!-- end -->\nb <!-- end -->\n"
    let made = try TableCommand.replaced(page, name: "x.jsonl", by: "new")
    #expect(made == "a\n<!-- results x.jsonl -->\nnew\n<!-- end -->\nb <!-- end -->\n")
    let empty = "<!-- results x.jsonl -->\n<!-- end -->"
    #expect(
      try TableCommand.replaced(empty, name: "x.jsonl", by: "new")
        == "<!-- results x.jsonl -->\nnew\n<!-- end -->")
    #expect(throws: Failure.self) {
      try TableCommand.replaced(page, name: "y.jsonl", by: "new")
    }
  }

  @Test func fioIsRead() throws {
    let said = """
      {"jobs": [{"error": 0, "usr_cpu": 1.5, "sys_cpu": 20.25,
        "read": {"io_bytes": 1048576, "runtime": 700, "bw": 5}, "write": {}}]}
      """
    let output = try JSONDecoder().decode(FioSide.Output.self, from: Data(said.utf8))
    #expect(output.jobs[0].read.bytes == 1_048_576 && output.jobs[0].read.runtime == 700)
    #expect(output.jobs[0].usrCpu == 1.5 && output.jobs[0].sysCpu == 20.25)
  }
}
