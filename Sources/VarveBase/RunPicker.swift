// Which sorted runs to merge next, of runs that are numbers and no more. The engine's picker asks
// it about its tables; whoever imagines an index can ask it as well, and what he foresees is what
// the index does.
//
// Runs pile up in level 0, one a flush, until there are more than K or they fill it. Then the
// newest are joined, if that makes a run of usual size, or all of them go down: through every level
// that would be over its bytes, into the first that has room. There they join the newest run if it
// is small enough or if there would be more than K (in the last level Z) runs.

/// A run as the shape sees it.
package struct SortedRun: Equatable, Sendable, BitwiseCopyable {
  package var bytes: UInt64
  /// The level it was formed for; once placed, the one that it counts in.
  package var level: Int
  package var isMerging: Bool

  package init(bytes: UInt64, level: Int, isMerging: Bool = false) {
    self.bytes = bytes
    self.level = level
    self.isMerging = isMerging
  }
}

/// A step over neighbouring runs, by their places, the newest first.
package enum RunStep: Equatable, Sendable {
  /// They become one run of a level.
  case merge(Range<Int>, level: Int)
  /// They hold nothing and go.
  case drop(Range<Int>)
}

/// What is known of the dead among the oldest runs.
package struct DeadRuns: Equatable, Sendable, BitwiseCopyable {
  /// Runs of which everything is dead, from the oldest on.
  package var whole = 0
  /// Dead bytes of the oldest run that is not merging and of which some live.
  package var bytesOfOldest = 0.0

  package init() {}
}

package struct RunPicker: Equatable, Sendable {
  package let innerRunsMax: Int
  package let lastRunsMax: Int
  /// Bytes that level n holds; the last of them holds everything.
  package let capacities: [UInt64]

  /// - Parameter flushBytes: what a flush writes, about: level n holds so much times T^(n + 1).
  package init(sizeRatio: Int, innerRunsMax: Int, lastRunsMax: Int, flushBytes: UInt64) {
    precondition(sizeRatio >= 2, "size ratio \(sizeRatio)")
    precondition(innerRunsMax > 0 && lastRunsMax > 0, "levels of no runs")
    precondition(flushBytes > 0, "flushes of nothing")
    self.innerRunsMax = innerRunsMax
    self.lastRunsMax = lastRunsMax
    var capacities: [UInt64] = []
    var bytes = flushBytes
    while bytes < .max {
      let (next, overflows) = bytes.multipliedReportingOverflow(by: UInt64(sizeRatio))
      bytes = overflows ? .max : next
      capacities.append(bytes)
    }
    self.capacities = capacities
  }

  /// The first level that holds `bytes`.
  package func level(of bytes: UInt64) -> Int {
    var level = 0
    while capacities[level] < bytes { level += 1 }
    return level
  }

  package func capacity(_ level: Int) -> UInt64 {
    capacities[min(level, capacities.count - 1)]
  }

  /// Most runs of a level: Z in the last, K above it.
  package func runsMax(_ level: Int, last: Int) -> Int {
    level >= last ? lastRunsMax : innerRunsMax
  }

  /// Bytes that one run of a level may have to be added to: as many runs as may be of this size
  /// fill it.
  package func runBytesMax(_ level: Int, last: Int) -> UInt64 {
    capacity(level) / UInt64(runsMax(level, last: last))
  }

  /// Gives every run, the newest first, the level that it counts in; the last level.
  ///
  /// The last level is the first that holds all bytes there are. A run stands no higher up than its
  /// size asks for, and a newer run never further down than an older one.
  package func place(_ runs: inout [SortedRun]) -> Int {
    var all: UInt64 = 0
    for run in runs { all += run.bytes }
    let last = level(of: all)
    var lowest = last
    for index in runs.indices.reversed() {
      lowest = min(max(runs[index].level, level(of: runs[index].bytes)), lowest)
      runs[index].level = lowest
    }
    return last
  }

  /// The next step; nil when there is none until a run comes or a merge ends.
  ///
  /// - Parameters:
  ///   - runs: placed, newest first.
  ///   - hasArrived: a run was formed since there was last nothing to do; without, the shape is not
  ///     asked.
  ///   - joins: levels of more runs than the shape allows are joined, without waiting for a run.
  package func pick(
    _ runs: [SortedRun], last: Int, hasArrived: Bool, joins: Bool, dead: DeadRuns
  ) -> RunStep? {
    // The oldest runs whose every page is gone leave as they are.
    if dead.whole > 0 { return .drop(runs.count - dead.whole..<runs.count) }
    if hasArrived, let step = arrived(runs, last: last) { return step }
    // Much of the index is dead, and no merge has come by to let go of it.
    if let step = sweep(runs, dead) { return step }
    return joins ? join(runs, last: last) : nil
  }

  // MARK: - The shape

  /// What level 0 asks for when it has more runs than it should, or more bytes.
  private func arrived(_ runs: [SortedRun], last: Int) -> RunStep? {
    let end = end(of: 0, from: 0, runs)
    let bytes = bytes(runs, 0..<end)
    let isFull = bytes > capacity(0)
    guard end > runsMax(0, last: last) || end > 1 && isFull else { return nil }
    // The only level there is: Z of its runs may stay.
    if last == 0 {
      return merge(runs, 0..<end - runsMax(0, last: last) + 1, level: 0)
    }
    // Full: joining would only write twice what goes down anyway.
    if !isFull, let step = within(runs, 0..<end, last: last) { return step }
    return down(runs, end, bytes, last: last)
  }

  /// Too many runs of too few bytes: the newest are joined within the level.
  private func within(_ runs: [SortedRun], _ level0: Range<Int>, last: Int) -> RunStep? {
    let most = runBytesMax(0, last: last)
    var joined = 0
    var bytes: UInt64 = 0
    for run in runs[level0] {
      bytes += run.bytes
      if run.isMerging || bytes > most { break }
      joined += 1
    }
    return joined > 1 ? merge(runs, 0..<joined, level: 0) : nil
  }

  /// Level 0, `runs[..<end]`, goes down.
  private func down(_ runs: [SortedRun], _ end: Int, _ bytes: UInt64, last: Int) -> RunStep? {
    var end = end
    var incoming = bytes
    var target = 1
    while true {
      let here = end..<self.end(of: target, from: end, runs)
      let held = self.bytes(runs, here)
      if target < last, incoming + held > capacity(target) {
        end = here.upperBound
        incoming += held
        target += 1
        continue
      }
      var joined = max(0, here.count + 1 - runsMax(target, last: last))
      if joined == 0, let newest = runs[here].first, !newest.isMerging,
        incoming + newest.bytes <= runBytesMax(target, last: last)
      {
        joined = 1
      }
      return merge(runs, 0..<end + min(joined, here.count), level: target)
    }
  }

  /// The newest runs of the first level that has too many, which a moved shape can bring about.
  private func join(_ runs: [SortedRun], last: Int) -> RunStep? {
    var start = 0
    for level in 0...last {
      let end = end(of: level, from: start, runs)
      let over = end - start - runsMax(level, last: last)
      if over > 0, let step = merge(runs, start..<start + over + 1, level: level) { return step }
      start = end
    }
    return nil
  }

  /// The oldest run again, when it makes two thirds of the index dead: what little lives of a
  /// store that shrank. A run that was the whole index of a full store makes half of it dead just
  /// when it leaves whole.
  private func sweep(_ runs: [SortedRun], _ dead: DeadRuns) -> RunStep? {
    guard dead.bytesOfOldest > 0, let oldest = runs.last else { return nil }
    let all = bytes(runs, 0..<runs.count)
    guard dead.bytesOfOldest >= Double(all) * 2 / 3 else { return nil }
    return merge(runs, runs.count - 1..<runs.count, level: oldest.level)
  }

  /// Nil while one of them is being merged.
  private func merge(_ runs: [SortedRun], _ range: Range<Int>, level: Int) -> RunStep? {
    for run in runs[range] where run.isMerging { return nil }
    return range.isEmpty ? nil : .merge(range, level: level)
  }

  /// Levels never fall from newer to older runs: where the runs of `level` end that begin at
  /// `start`.
  private func end(of level: Int, from start: Int, _ runs: [SortedRun]) -> Int {
    var end = start
    while end < runs.count, runs[end].level == level { end += 1 }
    return end
  }

  private func bytes(_ runs: [SortedRun], _ range: Range<Int>) -> UInt64 {
    var sum: UInt64 = 0
    for run in runs[range] { sum += run.bytes }
    return sum
  }
}
