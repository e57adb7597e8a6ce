// Monkey's division of filter memory (Dayan, Athanassoulis and Idreos, SIGMOD 2017): the least sum
// of false positive rates over all runs that a number of bits allows. The index makes its filters
// by it, the tuner foresees by it what other settings would cost.

/// Runs of one size, fractions of a run on average.
package struct RunGroup: Equatable, Sendable, BitwiseCopyable {
  /// Names of one run.
  package var names: Double
  package var count: Double

  package init(names: Double, count: Double) {
    precondition(names >= 0 && count >= 0, "\(count) runs of \(names) names")
    self.names = names
    self.count = count
  }
}

/// The false positive rate that a run of any size should have: in proportion to its names, 1 from a
/// size on that no filter pays for.
package struct FilterAllocation: Equatable, Sendable, BitwiseCopyable {
  /// ln² 2: bits of an ideal Bloom filter are names · −ln p / ln² 2.
  package static let bitsScale = 0.480_453_013_918_201_4

  /// ln p = ln names + scale, at most 0; infinite where no filter pays.
  private let scale: Double

  /// - Parameters:
  ///   - runs: all that share the memory.
  ///   - bitsPerName: the memory for all, divided by all names.
  ///
  /// A run whose rate would pass 1 gets no filter, and the others are solved again with all of the
  /// memory: the largest runs lose theirs first.
  package init(runs: [RunGroup], bitsPerName: Double) {
    precondition(bitsPerName >= 0, "\(bitsPerName) bits a name")
    let bits = runs.reduce(0) { $0 + $1.names * $1.count } * bitsPerName
    var most = Double.infinity
    while true {
      var names = 0.0
      var weighted = 0.0
      var largest = 0.0
      for run in runs
      where run.names < most && run.names > 0 && run.count > 0 {
        names += run.names * run.count
        weighted += run.names * run.count * Powers.logarithm(run.names)
        largest = max(largest, run.names)
      }
      guard names > 0 else {
        scale = .infinity
        return
      }
      // The scale that uses up the bits.
      let scale = -(bits * Self.bitsScale + weighted) / names
      if Powers.logarithm(largest) + scale <= 0 {
        self.scale = scale
        return
      }
      most = largest
    }
  }

  /// The rate of a run of so many names; also of one that was not among those solved for.
  package func falsePositiveRate(names: Double) -> Double {
    names > 0 ? min(1, Powers.exponential(Powers.logarithm(names) + scale)) : 1
  }

  /// Filter bits a name of such a run; 0: no filter.
  package func bitsPerName(names: Double) -> Double {
    let rate = falsePositiveRate(names: names)
    return rate >= 1 ? 0 : -Powers.logarithm(rate) / Self.bitsScale
  }
}

extension RunGroup {
  /// The runs of a tree whose levels are full, which filters are divided for; the last level holds
  /// at least half, and the largest run.
  ///
  /// - Parameters:
  ///   - names: of all runs there are.
  ///   - inner: names that each level above the last holds when it is full.
  ///   - largest: names of the largest run there is.
  package static func fullTree(
    names: Double, inner: [Double], innerRunsMax: Double, lastRunsMax: Double, largest: Double
  ) -> [RunGroup] {
    var runs = inner.map { RunGroup(names: $0 / innerRunsMax, count: innerRunsMax) }
    var above = inner.reduce(0, +)
    if above > names / 2 {
      for index in runs.indices { runs[index].count *= names / 2 / above }
      above = names / 2
    }
    let usual = (names - above) / lastRunsMax
    if largest <= usual { return runs + [RunGroup(names: usual, count: lastRunsMax)] }
    let others = max(0, names - above - largest)
    if lastRunsMax > 1 {
      runs.append(RunGroup(names: others / (lastRunsMax - 1), count: lastRunsMax - 1))
    }
    return runs + [RunGroup(names: largest, count: 1)]
  }
}

/// What many budgets of bits, each divided for the same planned runs, come to for the runs that
/// stand: what does not depend on the bits is summed up once.
package struct FilterBudgets: Equatable, Sendable {
  private let planned: [RunGroup]
  private let standing: [RunGroup]
  /// Of the planned runs: the mean over all names of their run's size, as logarithms.
  private let meanLog: Double
  private let largestLog: Double
  /// Of those that stand.
  private let names: Double
  private let largest: Double

  package init(planned: [RunGroup], standing: [RunGroup]) {
    self.planned = planned
    self.standing = standing
    var sums = (names: 0.0, weighted: 0.0, largest: 0.0)
    for run in planned where run.names > 0 && run.count > 0 {
      sums.names += run.names * run.count
      sums.weighted += run.names * run.count * Powers.logarithm(run.names)
      sums.largest = max(sums.largest, run.names)
    }
    meanLog = sums.names > 0 ? sums.weighted / sums.names : 0
    largestLog = sums.names > 0 ? Powers.logarithm(sums.largest) : .infinity
    names = standing.reduce(0) { $0 + $1.names * $1.count }
    largest = standing.reduce(0) { max($0, $1.names) }
  }

  /// False passes that one absent name meets: the sum of the rates of the runs that stand.
  package func falsePasses(bitsPerName: Double) -> Double {
    let scale = -(bitsPerName * FilterAllocation.bitsScale + meanLog)
    // No rate would pass 1: they sum up to the share of all names.
    if largestLog + scale <= 0 {
      let rate = Powers.exponential(scale)
      if largest * rate <= 1 { return names * rate }
    }
    let allocation = FilterAllocation(runs: planned, bitsPerName: bitsPerName)
    return standing.reduce(0) {
      $0 + $1.count * allocation.falsePositiveRate(names: $1.names)
    }
  }
}
