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
    if prefetch {
      readAhead(hits, for: namespace.claimant, counting: counters.pagesReadAhead)
    }
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
}
