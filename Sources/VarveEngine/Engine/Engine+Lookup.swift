// Presence: how long a prefix of the asked run is stored.

internal import Synchronization
internal import VarveBase

extension Engine {
  /// How many leading pages of the run are stored, and which pages when `wantPresent`.
  ///
  /// With `exact` every page is confirmed by its full id; without, the fingerprint table answers
  /// where it can, and the run's last page is confirmed. `prefetch` starts reading the hit pages
  /// that the arena has not.
  ///
  /// - Throws: `.namespaceUnknown`, `.storage` when the index cannot be read, `.closed`.
  package func lookup(
    _ slice: ChainSlice, wantPresent: Bool = false, exact: Bool = true, prefetch: Bool = false
  ) throws(EngineError) -> LookupAnswer {
    let namespace = try liveNamespace(slice.namespace)
    let memory = try hold(pages: slice.count, bytesEach: HeldBytes.lookup)
    defer { withExtendedLifetime(memory) {} }
    if !exact,
      let answer = try lookupByFingerprints(slice, wantPresent: wantPresent, in: namespace)
    {
      if prefetch, answer.hitPages > 0 {
        readAhead(slice.prefix(answer.hitPages), for: namespace.claimant)
      }
      count(lookup: answer, asked: slice.count, in: namespace)
      return answer
    }
    var answer = LookupAnswer()
    if wantPresent { answer.present = Bitmap.empty(count: slice.count) }
    var inRun = true
    var hits: [Location] = []
    if prefetch { hits.reserveCapacity(slice.count) }
    try walk(slice) { index, record in
      guard let record else {
        inRun = false
        return wantPresent
      }
      if wantPresent { answer.present.setBit(index) }
      guard inRun else { return true }
      answer.hitPages += 1
      answer.hitBytes += UInt64(record.location.rawBytes)
      if prefetch { hits.append(record.location) }
      return true
    }
    if prefetch { readAhead(hits, for: namespace.claimant) }
    count(lookup: answer, asked: slice.count, in: namespace)
    return answer
  }

  private func count(lookup answer: LookupAnswer, asked: Int, in namespace: LiveNamespace) {
    counters.lookups.add()
    counters.pagesAsked.add(asked)
    counters.pagesHit.add(answer.hitPages)
    namespace.lookups.wrappingAdd(1, ordering: .relaxed)
    namespace.pagesAsked.wrappingAdd(UInt64(asked), ordering: .relaxed)
    namespace.pagesHit.wrappingAdd(UInt64(answer.hitPages), ordering: .relaxed)
  }

  /// Visits the records of the asked pages in order, nil where there is none that counts, until
  /// `visit` gives false. Indices are within the asked run.
  func walk(
    _ slice: ChainSlice, visit: (Int, IndexRecord?) -> Bool
  ) throws(EngineError) {
    var life = Life(keeper.table.live, now: clock.wallMillis())
    let snapshot = index.snapshot()
    do {
      try snapshot.walk(
        namespace: slice.namespace, ids: slice.asked, from: slice.placeFromRoot,
        fingerprints: fingerprints, isLive: { life.holds($0) }, visit: visit)
    } catch {
      throw .storage("\(error)")
    }
  }

  /// The record of every asked page with its place, nil where there is none that counts.
  func records(of slice: ChainSlice) throws(EngineError) -> [PageRecord?] {
    var records: [PageRecord?] = []
    records.reserveCapacity(slice.count)
    var life = Life(keeper.table.live, now: clock.wallMillis())
    let snapshot = index.snapshot()
    do {
      try snapshot.walkPlaces(
        namespace: slice.namespace, ids: slice.asked, from: slice.placeFromRoot,
        fingerprints: fingerprints, isLive: { life.holds($0) },
        visit: { _, record in
          records.append(record)
          return true
        })
    } catch {
      throw .storage("\(error)")
    }
    return records
  }

  /// The record of one page, nil where there is none that counts.
  func record(of name: PageName) throws(EngineError) -> PageRecord? {
    let slice = ChainSlice(namespace: name.namespace, ids: [name.id], first: 0, count: 1)
    return try records(of: slice)[0]
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
