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

  @Test func percentilesAreOfTheNearestRank() throws {
    let nanos = (1...1000).map { UInt64($0) * 1000 }.shuffled()
    let told = try #require(Percentiles(nanos: nanos))
    #expect(told.p50 == 500 && told.p99 == 990 && told.p999 == 999 && told.most == 1000)
    let few = try #require(Percentiles(nanos: [3000, 1000]))
    #expect(few.p50 == 1 && few.p99 == 3 && few.p999 == 3)
    #expect(Percentiles(nanos: []) == nil)
  }

  @Test func pressureIsRead() {
    let text = """
      some avg10=7.53 avg60=2.63 avg300=6.46 total=7454867728
      full avg10=0.00 avg60=0.00 avg300=0.00 total=0
      """
    #expect(Pressure.some(in: text) == Pressure.Some(avg10: 7.53, totalMicros: 7_454_867_728))
    #expect(Pressure.some(in: "some avg10=x total=1") == nil)
    #expect(Pressure.some(in: "") == nil)
  }
}
