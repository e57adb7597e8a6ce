// One request of a trace: when it came and the blocks of its prompt, in order.

/// The blocks are ranges: a prompt of a thousand blocks is mostly one or two of them.
struct TraceRequest: Hashable, Sendable {
  /// 0-based place in the trace.
  let number: Int
  let timeMillis: Int
  let runs: [Range<Int>]

  var blockCount: Int { runs.reduce(0) { $0 + $1.count } }

  /// Every block id, in order.
  var blocks: [Int] {
    var ids: [Int] = []
    ids.reserveCapacity(blockCount)
    for run in runs { ids.append(contentsOf: run) }
    return ids
  }

  /// The first `keep` blocks as runs; nil when there are fewer.
  func prefix(_ keep: Int) -> [Range<Int>]? {
    precondition(keep >= 0, "keep \(keep) is negative")
    var taken: [Range<Int>] = []
    var left = keep
    for run in runs where left > 0 {
      taken.append(run.lowerBound..<run.lowerBound + min(run.count, left))
      left -= min(run.count, left)
    }
    return left == 0 ? taken : nil
  }
}
