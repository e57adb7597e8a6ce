// Reading ahead: what a look-up hit starts moving to the arena before its get comes, and what a get
// that must read has moved before its turn.

internal import VarveBase

extension Engine {
  /// Jobs of one look-up that read at the same time: other threads of the pool stay for gets and
  /// puts.
  private static let readAheadLanes = 2

  /// Reads what the arena has not, at most half of it, in the background. A run that is hot costs
  /// one look at the arena and no job.
  ///
  /// - Parameter counter: gets the pages that are read.
  func readAhead(_ pages: [Location], for claimant: Claimant, counting counter: Counter) {
    var budget = configuration.arenaBytes / 2
    let within = pages.prefix {
      budget -= Int($0.storedBytes)
      return budget >= 0
    }
    let parts = ReadAhead.parts(of: arena.missing(within))
    for lane in 0..<min(Self.readAheadLanes, parts.count) {
      readAhead(parts, from: lane, for: claimant, counter)
    }
  }

  /// The same for a look-up's pages of which only the table has been asked.
  func readAhead(_ run: ChainSlice, for claimant: Claimant) {
    try? background(for: claimant) { [self] in
      var hits: [Location] = []
      // Nobody waits for it: a page that cannot be found now is read, or told of, by its get.
      try? walk(run) { _, record in
        if let record { hits.append(record.location) }
        return record != nil
      }
      readAhead(hits, for: claimant, counting: counters.pagesReadAhead)
    }
  }

  /// One part, then the lane's next, each a job of its own: what others wait for comes in between.
  /// When the queue is full, the rest is left to the gets.
  private func readAhead(
    _ parts: [ArraySlice<Location>], from index: Int, for claimant: Claimant, _ counter: Counter
  ) {
    guard index < parts.count else { return }
    let bytes = parts[index].reduce(0) { $0 + Int($1.storedBytes) }
    try? background(for: claimant, cost: bytes) { [self] in
      // What gets hold comes first: without room for it, it was no help.
      guard !arena.isTight, lease(Array(parts[index]), for: claimant) != nil else { return }
      counter.add(parts[index].count)
      readAhead(parts, from: index + Self.readAheadLanes, for: claimant, counter)
    }
  }
}

enum ReadAhead {
  /// Cuts a run into what one job reads: a few large reads, or one page.
  static func parts(of run: [Location]) -> [ArraySlice<Location>] {
    var parts: [ArraySlice<Location>] = []
    var (start, bytes) = (0, 0)
    for (index, location) in run.enumerated() {
      let isFull =
        bytes + Int(location.storedBytes) > Limits.readAheadJobBytesMax
        || index - start == Limits.getBatchPagesMax
      if index > start, isFull {
        parts.append(run[start..<index])
        (start, bytes) = (index, 0)
      }
      bytes += Int(location.storedBytes)
    }
    if start < run.count { parts.append(run[start...]) }
    return parts
  }
}
