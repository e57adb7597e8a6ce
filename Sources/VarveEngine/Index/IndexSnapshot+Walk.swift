// Walking a chain: path records side by side where the alignment is known, id records where it is
// not. The hint decides how many blocks are read, never what is answered.

package import VarveBase

extension IndexSnapshot {
  /// Looks up consecutive pages of a chain.
  ///
  /// A path record answers only for the full id it holds and only while the page lives; whatever
  /// else is found at the place, the id record decides.
  ///
  /// - Parameters:
  ///   - place: where `ids[0]` may stand; nil when nothing is known.
  ///   - isLive: whether the page can be had (its segment, its expiry). Dead stays dead.
  ///   - visit: called for every page in order, with nil for one that is absent, deleted or dead;
  ///     ends the walk by answering false.
  package func walk(
    namespace: UInt32, ids: ArraySlice<PageID>, from place: WindowPlace?,
    isLive: (PageRecord) -> Bool, visit: (Int, PageRecord?) -> Bool
  ) throws(IndexError) {
    var walker = ChainWalker(self, namespace: namespace, ids: ids, place: place)
    for index in ids.indices {
      let record = try walker.step(index, isLive)
      if !visit(index - ids.startIndex, record) { return }
    }
  }
}

private struct ChainWalker {
  private let snapshot: IndexSnapshot
  private let namespace: UInt32
  private let ids: ArraySlice<PageID>
  private var probe: IndexProbe
  /// Where the next page may stand.
  private var place: WindowPlace?
  /// What each memtable says of `ids[heldFrom ..< heldEnd]`.
  private var held: [[MemtableEntry?]] = []
  private var heldFrom = 0
  private var heldEnd = 0

  init(
    _ snapshot: IndexSnapshot, namespace: UInt32, ids: ArraySlice<PageID>, place: WindowPlace?
  ) {
    self.snapshot = snapshot
    self.namespace = namespace
    self.ids = ids
    probe = IndexProbe(snapshot)
    self.place = place
  }

  /// The live page `ids[index]`, or nil.
  mutating func step(
    _ index: Int, _ isLive: (PageRecord) -> Bool
  ) throws(IndexError) -> PageRecord? {
    let name = PageName(namespace: namespace, id: ids[index])
    let hash = TableFilter.hash(name)
    let newest = memtablesWord(index)
    if newest == nil, let place {
      if let record = try probe.findByPath(name, hash, at: place), record.kind == .page {
        let page = record.page(namespace, at: withPath(place, index))
        if isLive(page) {
          advance(past: index, from: page.place)
          return page
        }
      }
    }
    if case .page(let page) = try probe.findByID(name, hash, above: newest), isLive(page) {
      advance(past: index, from: page.place)
      return page
    }
    if let place { advance(past: index, from: place) }
    return nil
  }

  private mutating func memtablesWord(_ index: Int) -> MemtableEntry? {
    if index >= heldEnd {
      heldFrom = index
      heldEnd = min(ids.endIndex, index + Limits.windowPages)
      held = snapshot.memtables.map { $0.find(namespace, ids[heldFrom..<heldEnd]) }
    }
    var best: MemtableEntry?
    for words in held {
      guard let entry = words[index - heldFrom] else { continue }
      if let best, !entry.record.wins(over: best.record) { continue }
      best = entry
    }
    return best
  }

  /// The place after `ids[index]`, which stands at `here`.
  private mutating func advance(past index: Int, from here: WindowPlace) {
    let shared = withPath(here, index)
    if Int(here.index) + 1 == Limits.windowPages {
      place = WindowPlace(firstAfter: ids[index])
    } else {
      place = WindowPlace(
        anchor0: here.anchor0, anchor1: here.anchor1, index: here.index + 1, path: shared.path)
    }
  }

  /// The same place with a path that covers the rest of its window as far as `ids` go, so that one
  /// array serves the window.
  private func withPath(_ here: WindowPlace, _ index: Int) -> WindowPlace {
    let windowEnd = min(ids.endIndex, index + Limits.windowPages - 1 - Int(here.index))
    let ownEnd = Int(here.index) * WindowPlace.digestBytes
    let count = ownEnd + max(0, windowEnd - index) * WindowPlace.digestBytes
    if here.path.count >= count, holdsDigest(here.path, ownEnd, index) { return here }
    var path = Array(here.ownPath)
    path.reserveCapacity(count)
    for next in index..<max(index, windowEnd) { IndexKey.appendDigest(ids[next], to: &path) }
    return WindowPlace(
      anchor0: here.anchor0, anchor1: here.anchor1, index: here.index, path: path)
  }

  /// Whether the digests at `offset` are those of the pages from `index` on.
  private func holdsDigest(_ path: [UInt8], _ offset: Int, _ index: Int) -> Bool {
    var at = offset
    var next = index
    while at + WindowPlace.digestBytes <= path.count, next < ids.endIndex {
      var rest = ids[next].word0
      for _ in 0..<WindowPlace.digestBytes {
        if path[at] != UInt8(truncatingIfNeeded: rest) { return false }
        rest >>= 8
        at += 1
      }
      next += 1
    }
    return true
  }
}
