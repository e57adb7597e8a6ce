// Walking a chain: path records side by side where the alignment is known, id records where it is
// not. The hint decides how many blocks are read, never what is answered.

internal import VarveBase

extension IndexSnapshot {
  /// Looks up consecutive pages of a chain.
  ///
  /// A path record answers only for the full id it holds and only while the page lives; whatever
  /// else is found at the place, the id record decides.
  ///
  /// - Parameters:
  ///   - place: where `ids[0]` may stand; nil when nothing is known.
  ///   - fingerprints: asked first; what they call absent costs no read.
  ///   - isLive: whether the page can be had (its segment, its expiry). Dead stays dead.
  ///   - visit: called for every page in order, with nil for one that is absent, deleted or dead;
  ///     ends the walk by answering false.
  func walk(
    namespace: UInt32, ids: ArraySlice<PageID>, from place: WindowPlace?,
    fingerprints: Fingerprints? = nil, isLive: (IndexRecord) -> Bool,
    visit: (Int, IndexRecord?) -> Bool
  ) throws(IndexError) {
    var walker = ChainWalker(
      self, fingerprints, namespace: namespace, ids: ids, place: place, wantsPlaces: false)
    for range in ChainWalker.batches(of: ids) {
      try walker.step(range, isLive)
      for index in range {
        let record = walker.found[index - range.lowerBound]
        if !visit(index - ids.startIndex, record) { return }
      }
    }
  }

  /// The same for who wants to know where the pages stand as well, which costs more.
  func walkPlaces(
    namespace: UInt32, ids: ArraySlice<PageID>, from place: WindowPlace?,
    fingerprints: Fingerprints? = nil, isLive: (IndexRecord) -> Bool,
    visit: (Int, PageRecord?) -> Bool
  ) throws(IndexError) {
    var walker = ChainWalker(
      self, fingerprints, namespace: namespace, ids: ids, place: place, wantsPlaces: true)
    for range in ChainWalker.batches(of: ids) {
      try walker.step(range, isLive)
      for index in range {
        let page = walker.page(at: index - range.lowerBound)
        if !visit(index - ids.startIndex, page) { return }
      }
    }
  }
}
