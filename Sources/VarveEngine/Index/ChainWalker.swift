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
  private let wantsPlaces: Bool
  private var probe: IndexProbe
  /// Where the next page may stand.
  private var place: WindowPlace?
  /// Its path is known to cover the rest of its window as far as `ids` go.
  private var isShared = false

  /// The batch: what was found, where that stands if anybody wants to know, and what memory says of
  /// `ids[start...]`; nothing in `newest` where no memtable knows any of them.
  private var start = 0
  private(set) var found: [IndexRecord?] = []
  private(set) var places: [WindowPlace?] = []
  private var hashes: [UInt64] = []
  private var states: [Fingerprint] = []
  private var newest: [MemtableEntry?] = []
  private var strays = 0
  private var deferred: [Int] = []

  init(
    _ snapshot: IndexSnapshot, _ fingerprints: Fingerprints?, namespace: UInt32,
    ids: ArraySlice<PageID>, place: WindowPlace?, wantsPlaces: Bool
  ) {
    self.snapshot = snapshot
    self.fingerprints = fingerprints
    self.namespace = namespace
    self.ids = ids
    self.wantsPlaces = wantsPlaces
    probe = IndexProbe(snapshot)
    self.place = place
  }

  /// The batches of a walk over `ids`, in order.
  static func batches(of ids: ArraySlice<PageID>) -> some Sequence<Range<Int>> {
    sequence(state: (next: ids.startIndex, count: batchMin)) { state -> Range<Int>? in
      guard state.next < ids.endIndex else { return nil }
      let range = state.next..<min(ids.endIndex, state.next + state.count)
      state = (range.upperBound, batchMax)
      return range
    }
  }

  /// Finds the live pages of `ids[range]`: `found`, and `places` if they are wanted, nil where
  /// there is none. Ranges follow each other.
  mutating func step(_ range: Range<Int>, _ isLive: (IndexRecord) -> Bool) throws(IndexError) {
    begin(range)
    for index in range {
      if states[index - start] != .absent, try look(index, isLive) { continue }
      share(index)
      advance(past: index)
    }
    try findDeferred(isLive)
    probe.tellCounts()
  }

  /// The page found at an offset of the batch; places must be wanted.
  func page(at offset: Int) -> PageRecord? {
    guard let record = found[offset], let place = places[offset] else { return nil }
    return record.page(namespace, at: place)
  }

  /// False when the page was not found, or is left for later.
  private mutating func look(
    _ index: Int, _ isLive: (IndexRecord) -> Bool
  ) throws(IndexError) -> Bool {
    let offset = index - start
    let isHeld = !newest.isEmpty && newest[offset] != nil
    if !isHeld {
      share(index)
      let name = PageName(namespace: namespace, id: ids[index])
      if let place, let record = try probe.findByPath(name, hashes[offset], at: place),
        record.kind == .page, isLive(record)
      {
        strays = 0
        found[offset] = record
        if wantsPlaces { places[offset] = place }
        advance(past: index)
        return true
      }
    }
    guard isHeld || strays < Self.strayMax else {
      deferred.append(index)
      return false
    }
    let reads = probe.reads
    let here = try findByID(index, isLive)
    if probe.reads > reads { strays += 1 }
    guard let here else { return false }
    goOn(behind: index, at: here)
    return true
  }

  /// Where the page stands if it was found.
  private mutating func findByID(
    _ index: Int, _ isLive: (IndexRecord) -> Bool
  ) throws(IndexError) -> WindowPlace? {
    let offset = index - start
    let name = PageName(namespace: namespace, id: ids[index])
    let held = newest.isEmpty ? nil : newest[offset]
    let entry = try probe.findByID(name, hashes[offset], above: held)
    guard case .page(let page) = entry, isLive(IndexRecord(page)) else {
      if states[offset] == .maybe { fingerprints?.wrong.add() }
      return nil
    }
    found[offset] = IndexRecord(page)
    if wantsPlaces { places[offset] = page.place }
    return page.place
  }

  /// What the walk left, in the order of id keys, so that neighbours share their block.
  private mutating func findDeferred(_ isLive: (IndexRecord) -> Bool) throws(IndexError) {
    guard let last = deferred.last else { return }
    let ids = ids
    deferred.sort { left, right in
      let (left, right) = (ids[left], ids[right])
      return (left.word0.byteSwapped, left.word1.byteSwapped)
        < (right.word0.byteSwapped, right.word1.byteSwapped)
    }
    var lastPlace: WindowPlace?
    for index in deferred {
      let here = try findByID(index, isLive)
      if index == last { lastPlace = here }
    }
    // The next batch goes on behind the last page, wherever that stands.
    if last + 1 == start + found.count, let lastPlace { goOn(behind: last, at: lastPlace) }
  }

  /// Asks memory about the whole batch.
  private mutating func begin(_ range: Range<Int>) {
    start = range.lowerBound
    strays = 0
    deferred.removeAll(keepingCapacity: true)
    found = Array(repeating: nil, count: range.count)
    if wantsPlaces { places = Array(repeating: nil, count: range.count) }
    let known = fingerprints?.find(ids[range], of: namespace, hashes: &hashes, into: &states)
    if known == nil {
      TableFilter.hash(ids[range], of: namespace, into: &hashes)
      states = Array(repeating: .askIndex, count: range.count)
    }
    newest = []
    if known?.absent == range.count { return }
    for memtable in snapshot.memtables {
      let entries = memtable.find(namespace, ids[range])
      if newest.isEmpty {
        newest = entries
        continue
      }
      for (offset, entry) in entries.enumerated() {
        guard let entry else { continue }
        if let other = newest[offset], !entry.record.wins(over: other.record) { continue }
        newest[offset] = entry
      }
    }
  }

  /// The walk goes on behind `ids[index]`, which was found to stand at `here`.
  private mutating func goOn(behind index: Int, at here: WindowPlace) {
    (place, isShared) = (withPath(here, index), true)
    advance(past: index)
  }

  /// Gives the path of the place of `ids[index]` what it lacks of its window.
  private mutating func share(_ index: Int) {
    guard let place, !isShared else { return }
    (self.place, isShared) = (withPath(place, index), true)
  }

  /// The walk goes on behind `ids[index]`, which stands, or would, at a shared place.
  private mutating func advance(past index: Int) {
    guard let here = place?.index else { return }
    isShared = Int(here) + 1 < Limits.windowPages
    if isShared {
      place?.advance()
    } else {
      place = WindowPlace(firstAfter: ids[index])
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
