// The pages of a run, by size: made once, all in touched memory before any clock starts.

/// Not for several threads.
final class PageSets {
  /// Pages of one size: four times the processor's third-level cache.
  static let bytes = 128 << 20

  private let counts: [Int: Int]
  private var sets: [Int: BenchPages] = [:]

  init(_ cells: [Cell]) {
    var counts: [Int: Int] = [:]
    for cell in cells {
      let size = cell.payloadPageBytes
      counts[size] = max(
        counts[size] ?? Self.bytes / size, cell.operation.isLookup ? 1 : cell.pages)
    }
    self.counts = counts
  }

  func of(_ pageBytes: Int) -> BenchPages {
    if let made = sets[pageBytes] { return made }
    let made = BenchPages(
      pageBytes: pageBytes, count: counts[pageBytes] ?? Self.bytes / pageBytes, seed: 1)
    sets[pageBytes] = made
    return made
  }
}
