// When calls are due, what a mix asks, how cells are named and described: before any socket.

import ArgumentParser
import Testing

@testable import varvebench

@Suite struct NetTests {
  private static func times(_ schedule: OpenSchedule, _ count: Int) -> [UInt64] {
    var schedule = schedule
    return (0..<count).map { _ in schedule.next() }
  }

  @Test func evenCallsAreAGapApart() {
    let schedule = OpenSchedule(callsPerSecond: 1000, seed: 1, spacing: .even, phase: 0.5)
    #expect(Self.times(schedule, 4) == [500_000, 1_500_000, 2_500_000, 3_500_000])
  }

  @Test func callsOfManyUsersKeepTheRateAndNotTheGap() {
    let schedule = OpenSchedule(callsPerSecond: 1000, seed: 7)
    let times = Self.times(schedule, 20_000)
    #expect(times == Self.times(schedule, 20_000))
    #expect(times != Self.times(OpenSchedule(callsPerSecond: 1000, seed: 8), 20_000))
    let gaps = zip(times.dropFirst(), times).map { Double($0) - Double($1) }
    #expect(gaps.allSatisfy { $0 >= 0 })
    let mean = gaps.reduce(0, +) / Double(gaps.count)
    #expect(abs(mean - 1e6) < 5e4)
    // Of an exponential distribution 1/e of the gaps are over the mean.
    let over = Double(gaps.count { $0 > 1e6 }) / Double(gaps.count)
    #expect(abs(over - 0.368) < 0.02)
  }

  @Test func aMixHasItsSharesInEveryHundred() throws {
    let mix = try #require(Mix("get=70,put=10,lookup=20"))
    let order = mix.order(seed: 3)
    #expect(order.count == 100)
    #expect(order.count { $0 == .getHot } == 70 && order.count { $0 == .put } == 10)
    #expect(order.count { $0 == .lookup } == 20)
    #expect(order == mix.order(seed: 3) && order != mix.order(seed: 4))
    #expect(Mix("get=100") != nil)
  }

  @Test(arguments: ["", "get", "get=70", "get=50,get=50", "get=101,put=-1", "got=100", "get=1e2"])
  func otherMixesAreRefused(_ text: String) { #expect(Mix(text) == nil) }

  @Test func namesTellCellsApart() {
    #expect(Set(Cell.all.map(\.name)).count == Cell.all.count)
    #expect(Cell(.getHot, 1 << 20, 32, connections: 4).name == "get-hot-1MiBx32-4c")
    #expect(Cell(.put, 64 << 10, 1, connections: 2, rate: 50).name == "put-64KiBx1-2c-open50")
    #expect(Cell(.lookup, 4096, 512, connections: 1).name == "lookup-512")
    let mixed = Cell.all.filter { $0.operation == .mix }.map(\.name)
    #expect(mixed == ["mix-g70p10l20-1MiBx8-4c", "mix-g70p10l20-1MiBx8-4c-open100"])
  }

  @Test func aCellOfOnesOwn() throws {
    func cell(_ words: [String]) throws -> Cell? { try CellOptions.parse(words).cell() }
    #expect(try cell([]) == nil)
    let all = [
      "--operation", "put", "--page-bytes", "256KiB", "--batch", "64", "--connections", "8",
      "--rate", "20",
    ]
    #expect(try cell(all) == Cell(.put, 256 << 10, 64, connections: 8, rate: 20))
    #expect(try cell(["--connections", "256"]) == Cell(.getHot, 1 << 20, 32, connections: 256))
    #expect(try cell(["--mix", "get=100"])?.operation == .mix)
    #expect(try cell(["--operation", "lookup"])?.name == "lookup-512")
    for wrong in [
      ["--operation", "gets"], ["--operation", "mix"], ["--page-bytes", "17MiB"],
      ["--page-bytes", "1000"], ["--batch", "0"], ["--connections", "257"], ["--rate", "0"],
      ["--page-bytes", "16MiB", "--batch", "17"], ["--mix", "get=99"],
      ["--mix", "get=100", "--operation", "put"],
    ] {
      #expect(throws: (any Error).self, "\(wrong)") { try cell(wrong) }
    }
    #expect(try cell(["--page-bytes", "16MiB", "--batch", "16"]) != nil)
  }

  @Test func chainsOfCellsNeverMeet() {
    let pages = BenchPages(pageBytes: 4096, count: 64)
    let cells = [
      Cell(.getHot, 4096, 8, connections: 1), Cell(.getHot, 4096, 4, connections: 1),
      Cell(.getCold, 4096, 8, connections: 1), Cell(.lookup, 4096, 8, connections: 1),
    ]
    let ranges = cells.compactMap { BenchChains($0, pages).stored }
    #expect(ranges.count == 4)
    for (number, range) in ranges.enumerated() {
      #expect(range.upperBound < BenchChains.firstPut)
      for other in ranges.dropFirst(number + 1) { #expect(!range.overlaps(other)) }
    }
    #expect(BenchChains(Cell(.put, 4096, 8, connections: 1), pages).stored == nil)
  }
}
