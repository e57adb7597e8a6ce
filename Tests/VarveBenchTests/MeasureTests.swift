// The arithmetic of the benchmark: a wrong median would be believed.

import Foundation
import Testing

@testable import varvebench

@Suite struct MeasureTests {
  @Test(arguments: [
    ([3.0], 3.0, 3.0, 3.0), ([2.0, 9.0, 1.0], 1.0, 2.0, 9.0),
    ([4.0, 1.0, 3.0, 2.0], 1.0, 2.5, 4.0),
  ])
  func spreads(_ values: [Double], _ least: Double, _ median: Double, _ most: Double) {
    let spread = Spread(values)
    #expect(spread.least == least && spread.median == median && spread.most == most)
  }

  @Test func figuresAreOfTheirUnits() {
    let sample = Sample(
      calls: 4, bytes: 1 << 30, pages: 1024, seconds: 2, serverCPU: 0.5, clientCPU: 0.25)
    #expect(abs(sample.megabytesPerSecond - 536.870912) < 1e-9)
    #expect(sample.pagesPerSecond == 512)
    #expect(sample.serverCPUPerGiB == 0.5 && sample.clientCPUPerGiB == 0.25)
    #expect(sample.serverMicrosPerCall == 125_000)
  }

  @Test func ticksAreFoundBehindAnyName() {
    let rest = " S 1 1 1 0 -1 4194560 1 2 3 4 70 30 5 6 20 0 7 0 100 200 300"
    #expect(ProcessClock.ticks(inStat: "12 (varved)" + rest) == 100)
    #expect(ProcessClock.ticks(inStat: "12 (a) b) (c" + ")" + rest) == 100)
    #expect(ProcessClock.ticks(inStat: "12 (varved) S 1 1") == nil)
    #expect(ProcessClock.ticks(inStat: "") == nil)
  }

  @Test func ownTimeIsRead() throws {
    #expect(try ProcessClock.seconds(of: getpid()) >= 0)
    #expect(throws: Failure.self) { try ProcessClock.seconds(of: -1) }
  }

  @Test func portsAreRead() {
    #expect(ServerProcess.port(in: "listening on 127.0.0.1:4770\nready\n") == 4770)
    #expect(ServerProcess.port(in: "listening on [::1]:81\nhttp on 127.0.0.1:9\n") == 81)
    #expect(ServerProcess.port(in: "listening on unix:/x\nready\n") == nil)
    #expect(ServerProcess.port(in: "ready\n") == nil)
  }

  @Test func pagesAreTheSameEverywhereAndIncompressible() {
    let pages = BenchPages(pageBytes: 4096, count: 3, seed: 7)
    #expect(pages.checksums == BenchPages(pageBytes: 4096, count: 3, seed: 7).checksums)
    #expect(pages.checksums != BenchPages(pageBytes: 4096, count: 3, seed: 8).checksums)
    #expect(Set(pages.checksums).count == 3)
    var counts = [Int](repeating: 0, count: 256)
    let bytes = unsafe Array(pages.bytes(0..<3))
    for byte in bytes { counts[Int(byte)] += 1 }
    // 12,288 bytes, 48 of each value expected; a compressor finds nothing in such a spread.
    #expect(counts.allSatisfy { $0 > 10 && $0 < 110 })
  }

  @Test func idsAreNeverTheSame() {
    let ids = (0..<20).flatMap { BenchChain.ids(seed: $0, 50) }
    #expect(Set(ids).count == 1000)
    #expect(BenchChain.ids(seed: 3, 5) == BenchChain.ids(seed: 3, 5))
  }

  @Test func theTableAndTheLinesTellTheSame() throws {
    var report = Report(machine: Machine(processors: 2, model: "m", load: 0.5))
    let ours = Sample(
      calls: 1, bytes: 32 << 20, pages: 32, seconds: 0.5, serverCPU: 0.01, clientCPU: 0.02)
    var raw = ours
    raw.seconds = 0.25
    report.add(Cell.all[0], [Report.Pair(ours: ours, raw: raw)])
    let table = report.table()
    let row = "| get-hot-1MiBx32-1c | 67 | 67-67 | 134 | 134-134 | 0.50 | 0.50-0.50 |"
    #expect(table.contains(row))
    #expect(table.contains("| 0.32 | 0.32 | 0.64 | 0.64 |"))
    let lines = try report.jsonLines().split(separator: "\n")
    #expect(lines.count == 4)
    #expect(lines[3].contains(#""median":0.5"#))
    #expect(lines[1].contains(#""side":"varved""#) && lines[2].contains(#""side":"raw""#))
  }
}
