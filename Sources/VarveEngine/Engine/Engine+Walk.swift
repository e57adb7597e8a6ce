// Records of the pages of a chain, as far as they count: what gets, puts, look-ups and deletes have
// in common.

internal import VarveBase

extension Engine {
  /// Visits the records of the asked pages in order, nil where there is none that counts, until
  /// `visit` gives false. Indices are within the asked run.
  func walk(
    _ slice: ChainSlice, visit: (Int, IndexRecord?) -> Bool
  ) throws(EngineError) {
    try inSnapshot { (snapshot, life) throws(IndexError) in
      try snapshot.walk(
        namespace: slice.namespace, ids: slice.asked, from: slice.placeFromRoot,
        fingerprints: fingerprints, isLive: { life.holds($0) }, visit: visit)
    }
  }

  /// The record of every asked page with its place, nil where there is none that counts.
  func records(of slice: ChainSlice) throws(EngineError) -> [PageRecord?] {
    var records: [PageRecord?] = []
    records.reserveCapacity(slice.count)
    try inSnapshot { (snapshot, life) throws(IndexError) in
      try snapshot.walkPlaces(
        namespace: slice.namespace, ids: slice.asked, from: slice.placeFromRoot,
        fingerprints: fingerprints, isLive: { life.holds($0) },
        visit: { _, record in
          records.append(record)
          return true
        })
    }
    return records
  }

  /// The record of one page, nil where there is none that counts.
  func record(of name: PageName) throws(EngineError) -> PageRecord? {
    let slice = ChainSlice(namespace: name.namespace, ids: [name.id], first: 0, count: 1)
    return try records(of: slice)[0]
  }

  /// Runs `body` with the index as it is and with what counts now.
  private func inSnapshot(
    _ body: (IndexSnapshot, inout Life) throws(IndexError) -> Void
  ) throws(EngineError) {
    var life = Life(keeper.table.live, now: clock.wallMillis())
    do throws(IndexError) {
      try body(index.snapshot(), &life)
    } catch {
      throw .storage("\(error)")
    }
  }
}

/// Which records count for one call: their segment is live, their time has not come.
private struct Life {
  private let live: LiveSegments
  private let now: UInt64
  /// The segment found live last: neighbours lie in one.
  private var last: UInt64?

  init(_ live: LiveSegments, now: UInt64) {
    self.live = live
    self.now = now
  }

  mutating func holds(_ record: IndexRecord) -> Bool {
    if record.location.segment != last {
      guard live.contains(record.location.segment) else { return false }
      last = record.location.segment
    }
    return !record.isExpired(atMillis: now)
  }
}
