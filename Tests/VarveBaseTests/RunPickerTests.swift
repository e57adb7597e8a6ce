// The picker of runs that are numbers: its bounds, and a tree that it keeps in shape. What it says
// of tables is golden text of the engine's tests.

import Testing

@testable import VarveBase

@Suite struct RunPickerTests {
  @Test func `level n holds the size ratio to the power n + 1, the last level everything`() {
    let picker = RunPicker(sizeRatio: 4, innerRunsMax: 3, lastRunsMax: 1, flushBytes: 100)
    #expect(picker.capacities.prefix(3) == [400, 1600, 6400])
    #expect(picker.capacities.last == .max)
    #expect(picker.capacity(1000) == .max)
    #expect(picker.level(of: 0) == 0)
    #expect(picker.level(of: 400) == 0)
    #expect(picker.level(of: 401) == 1)
    #expect(picker.level(of: .max) == picker.capacities.count - 1)
    #expect(picker.runsMax(0, last: 1) == 3 && picker.runsMax(1, last: 1) == 1)
    #expect(picker.runBytesMax(0, last: 1) == 133)
  }

  @Test func `a run that is being merged is in no other step`() {
    let picker = RunPicker(sizeRatio: 4, innerRunsMax: 1, lastRunsMax: 1, flushBytes: 100)
    func step(merging: Bool) -> RunStep? {
      var runs = [
        SortedRun(bytes: 100, level: 0), SortedRun(bytes: 100, level: 0, isMerging: merging),
      ]
      let last = picker.place(&runs)
      return picker.pick(runs, last: last, hasArrived: true, joins: true, dead: DeadRuns())
    }
    #expect(step(merging: false) == .merge(0..<2, level: 0))
    #expect(step(merging: true) == nil)
  }

  @Test func `dead runs leave, one that is mostly dead is written again`() {
    let picker = RunPicker(sizeRatio: 4, innerRunsMax: 3, lastRunsMax: 3, flushBytes: 100)
    var runs = [SortedRun(bytes: 100, level: 0), SortedRun(bytes: 900, level: 1)]
    let last = picker.place(&runs)
    var dead = DeadRuns()
    func step() -> RunStep? {
      picker.pick(runs, last: last, hasArrived: true, joins: false, dead: dead)
    }
    #expect(step() == nil)
    dead.bytesOfOldest = 660
    #expect(step() == nil)
    dead.bytesOfOldest = 667
    #expect(step() == .merge(1..<2, level: 1))
    dead.whole = 1
    #expect(step() == .drop(1..<2))
  }

  @Test(arguments: [(2, 1, 1), (4, 3, 1), (8, 7, 7), (16, 15, 15)])
  func `runs that only come stay within the shape`(_ shape: (Int, Int, Int)) {
    let picker = RunPicker(
      sizeRatio: shape.0, innerRunsMax: shape.1, lastRunsMax: shape.2, flushBytes: 100)
    var runs: [SortedRun] = []
    for flush in 1...600 {
      runs.insert(SortedRun(bytes: 100, level: 0), at: 0)
      while true {
        var placed = runs
        let last = picker.place(&placed)
        let step = picker.pick(
          placed, last: last, hasArrived: true, joins: false, dead: DeadRuns())
        guard case .merge(let range, let level) = step else { break }
        let bytes = runs[range].reduce(0) { $0 + $1.bytes }
        runs.replaceSubrange(range, with: [SortedRun(bytes: bytes, level: level)])
      }
      #expect(runs.reduce(0) { $0 + $1.bytes } == UInt64(flush) * 100)
      var placed = runs
      let last = picker.place(&placed)
      for level in 0..<last {
        let here = placed.filter { $0.level == level }
        #expect(here.count <= picker.runsMax(level, last: last), "level \(level), \(flush)")
      }
    }
  }
}
