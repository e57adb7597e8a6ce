// Monkey's division of filter memory (Dayan, Athanassoulis and Idreos, SIGMOD 2017): the least sum
// of false positive rates over all runs that a number of bits allows.

struct FilterShares {
  /// ln² 2: bits of an ideal Bloom filter are names · −ln p / ln² 2.
  private static let bitsScale = 0.480_453_013_918_201_4

  /// The false passes that one absent name meets: the sum of the rates of all runs.
  ///
  /// The least lies where every run's rate is in proportion to its names. A run whose rate would
  /// pass 1 gets no filter, and the others are solved again with all of the memory.
  ///
  /// - Parameters:
  ///   - pages, runs: of each level (`TreeLayout`).
  ///   - bitsPerName: the memory for all, divided by all names.
  static func falsePasses(pages: [Double], runs: [Double], bitsPerName: Double) -> Double {
    precondition(pages.count == runs.count, "levels differ")
    precondition(bitsPerName >= 0, "\(bitsPerName) bits a name")
    let bits = pages.reduce(0, +) * bitsPerName
    // Levels in whose runs a filter pays; the largest runs lose theirs first.
    var most = Double.infinity
    while true {
      var names = 0.0
      var weighted = 0.0
      var largest = 0.0
      for level in pages.indices {
        let run = pages[level] / runs[level]
        guard run < most, run > 0 else { continue }
        names += pages[level]
        weighted += pages[level] * Powers.logarithm(run)
        largest = max(largest, run)
      }
      // No filter anywhere: every run is asked.
      guard names > 0 else { return runs.reduce(0, +) }
      // ln p = ln run + scale, with the scale that uses up the bits.
      let scale = -(bits * bitsScale + weighted) / names
      if Powers.logarithm(largest) + scale > 0 {
        most = largest
        continue
      }
      var sum = 0.0
      for level in pages.indices {
        let run = pages[level] / runs[level]
        sum += runs[level] * (run < most && run > 0 ? run * Powers.exponential(scale) : 1)
      }
      return sum
    }
  }
}
