// One walk along a chain, a batch of pages at a time: what memory knows of them first, then path
// records in the chain's order, then what is left by id, in the order of keys.

internal import VarveBase

/// Goes through consecutive pages of a chain. A batch costs one look into each memtable and one
/// into the fingerprint table; every block it needs is read once.
struct ChainWalker {
  /// Pages looked at together at first, and at most. A walk that ends early looks at few.
  static let batchMin = Limits.windowPages
  static let batchMax = 512
  /// Pages asked by id one after the other, each in the hope that its place puts the walk right
  /// again. Where so many in a row have not, those that follow are asked in the order of keys.
  static let strayMax = 4

  private let snapshot: IndexSnapshot
  private let fingerprints: Fingerprints?
  private let namespace: UInt32
  private let ids: ArraySlice<PageID>
  private var probe: IndexProbe
  /// Where the next page may stand.
  private var place: WindowPlace?
  /// Its path is known to cover the rest of its window as far as `ids` go.
  private var isShared = false

  /// The batch: what is found, and what memory says of `ids[start...]`.
  private var start = 0
  private var found: [PageRecord?] = []
  private var hashes: [UInt64] = []
  private var states: [Fingerprint] = []
  private var newest: [MemtableEntry?] = []
  private var strays = 0
  private var deferred: [Int] = []

  init(
    _ snapshot: IndexSnapshot, _ fingerprints: Fingerprints?, namespace: UInt32,
    ids: ArraySlice<PageID>, place: WindowPlace?
  ) {
    self.snapshot = snapshot
    self.fingerprints = fingerprints
    self.namespace = namespace
    self.ids = ids
    probe = IndexProbe(snapshot)
    self.place = place
  }

  /// The live pages of `ids[range]`, nil where there is none. Ranges follow each other.
  mutating func step(
    _ range: Range<Int>, _ isLive: (PageRecord) -> Bool
  ) throws(IndexError) -> [PageRecord?] {
    begin(range)
    for index in range {
      if states[index - start] != .absent, try look(index, isLive) { continue }
      if let place = sharedPlace(index) { advance(past: index, from: place) }
    }
    try findDeferred(isLive)
    return found
  }

  /// False when the page was not found, or is left for later.
  private mutating func look(
    _ index: Int, _ isLive: (PageRecord) -> Bool
  ) throws(IndexError) -> Bool {
    let name = PageName(namespace: namespace, id: ids[index])
    let offset = index - start
    if newest[offset] == nil, let place = sharedPlace(index),
      let record = try probe.findByPath(name, hashes[offset], at: place), record.kind == .page
    {
      let page = record.page(namespace, at: place)
      if isLive(page) {
        strays = 0
        found[offset] = page
        advance(past: index, from: page.place)
        return true
      }
    }
    guard newest[offset] != nil || strays < Self.strayMax else {
      deferred.append(index)
      return false
    }
    let reads = probe.reads
    let page = try findByID(index, isLive)
    if probe.reads > reads { strays += 1 }
    guard let page else { return false }
    found[offset] = page
    advance(past: index, from: withPath(page.place, index))
    return true
  }

  private mutating func findByID(
    _ index: Int, _ isLive: (PageRecord) -> Bool
  ) throws(IndexError) -> PageRecord? {
    let offset = index - start
    let name = PageName(namespace: namespace, id: ids[index])
    let entry = try probe.findByID(name, hashes[offset], above: newest[offset])
    if case .page(let page) = entry, isLive(page) { return page }
    if states[offset] == .maybe { fingerprints?.wrong.add() }
    return nil
  }

  /// What the walk left, in the order of id keys, so that neighbours share their block.
  private mutating func findDeferred(_ isLive: (PageRecord) -> Bool) throws(IndexError) {
    guard let last = deferred.last else { return }
    let ids = ids
    deferred.sort { left, right in
      let (left, right) = (ids[left], ids[right])
      return (left.word0.byteSwapped, left.word1.byteSwapped)
        < (right.word0.byteSwapped, right.word1.byteSwapped)
    }
    for index in deferred { found[index - start] = try findByID(index, isLive) }
    // The next batch goes on behind the last page, wherever that stands.
    if last + 1 == start + found.count, let page = found[last - start] {
      advance(past: last, from: withPath(page.place, last))
    }
  }

  /// Asks memory about the whole batch.
  private mutating func begin(_ range: Range<Int>) {
    start = range.lowerBound
    strays = 0
    deferred.removeAll(keepingCapacity: true)
    found = Array(repeating: nil, count: range.count)
    let known = fingerprints?.find(ids[range], of: namespace, hashes: &hashes, into: &states)
    if known == nil {
      TableFilter.hash(ids[range], of: namespace, into: &hashes)
      states = Array(repeating: .askIndex, count: range.count)
    }
    newest = Array(repeating: nil, count: range.count)
    if known?.absent == range.count { return }
    for memtable in snapshot.memtables {
      for (offset, entry) in memtable.find(namespace, ids[range]).enumerated() {
        guard let entry else { continue }
        if let other = newest[offset], !entry.record.wins(over: other.record) { continue }
        newest[offset] = entry
      }
    }
  }

  /// Where `ids[index]` may stand, its path covering its window.
  private mutating func sharedPlace(_ index: Int) -> WindowPlace? {
    guard let place, !isShared else { return place }
    let shared = withPath(place, index)
    (self.place, isShared) = (shared, true)
    return shared
  }

  /// The place after `ids[index]`, which stands at `here`, whose path covers its window.
  private mutating func advance(past index: Int, from here: WindowPlace) {
    isShared = Int(here.index) + 1 < Limits.windowPages
    place =
      isShared
      ? WindowPlace(
        anchor0: here.anchor0, anchor1: here.anchor1, index: here.index + 1, path: here.path)
      : WindowPlace(firstAfter: ids[index])
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
