// The index against a dictionary, under every hint: right, absent, truncated, gapped and random
// ones must give equal answers (DESIGN §5). Ids collide in their digests on purpose.

import Testing

@testable import VarveBase
@testable import VarveEngine

/// A dictionary that says what the index must say, and random work on both.
private final class Model {
  var dice: Dice
  let index: TestIndex
  var pages: [PageName: PageRecord] = [:]
  var chains: [[PageID]] = []
  var sequence: UInt64 = 0
  var segment: UInt64 = 1
  var firstLiveSegment: UInt64 = 1

  init(_ dice: Dice, cacheBytes: Int) throws {
    self.dice = dice
    index = try TestIndex(cacheBytes: cacheBytes)
    var trunk: [PageID] = []
    for _ in 0..<40 { trunk.append(collidingID()) }
    for _ in 0..<6 {
      let own = self.dice.below(70)
      chains.append(trunk.prefix(self.dice.below(41)) + (0..<own).map { _ in collidingID() })
    }
  }

  func collidingID() -> PageID {
    PageID(dice.next() << 24 | UInt64(dice.below(3)), dice.next(), dice.next(), dice.next())
  }

  func isLive(_ location: Location) -> Bool { location.segment >= firstLiveSegment }

  func expected(_ namespace: UInt32, _ id: PageID) -> PageRecord? {
    pages[PageName(namespace: namespace, id: id)].flatMap { isLive($0.location) ? $0 : nil }
  }

  func randomPlace() -> WindowPlace {
    let position = UInt8(dice.below(32))
    let anchor = dice.chance(50) ? PageID.zero : dice.id()
    return WindowPlace(
      anchor0: anchor.word0, anchor1: anchor.word1, index: position,
      path: (0..<Int(position) * WindowPlace.digestBytes).map { _ in UInt8(dice.below(2)) })
  }

  /// Where a put says that `chain[position]` stands: rightly, afresh, or nonsense.
  func placeForPut(_ namespace: UInt32, _ chain: [PageID], _ position: Int) -> WindowPlace {
    let before = position == 0 ? PageID.zero : chain[position - 1]
    if dice.chance(10) { return randomPlace() }
    if dice.chance(10) { return WindowPlace(firstAfter: before) }
    if position > 0, let page = expected(namespace, before) {
      return page.place.next(after: before)
    }
    return WindowPlace(firstAfter: before)
  }

  func put(_ namespace: UInt32) {
    guard let chain = chains.randomElement(using: &dice), !chain.isEmpty else { return }
    let first = dice.chance(60) ? 0 : dice.below(chain.count)
    for position in first..<min(chain.count, first + 1 + dice.below(40)) {
      let id = chain[position]
      if expected(namespace, id) != nil { continue }
      sequence += 1
      let page = Make.page(
        id, namespace: namespace, birth: sequence, segment: segment,
        offset: UInt32(dice.below(1 << 20)), at: placeForPut(namespace, chain, position))
      pages[page.name] = page
      index.active.insert(page)
    }
  }

  func delete(_ namespace: UInt32) throws {
    for _ in 0..<dice.below(12) {
      guard let chain = chains.randomElement(using: &dice),
        let id = chain.randomElement(using: &dice)
      else { continue }
      let name = PageName(namespace: namespace, id: id)
      guard case .page(let page) = try index.snapshot.find(name), isLive(page.location) else {
        continue
      }
      sequence += 1
      index.active.delete(Tombstone(name: name, sequence: sequence, place: page.place))
      pages[name] = nil
    }
  }

  func move() {
    segment += 1
    for (name, page) in pages where isLive(page.location) && dice.chance(5) {
      var moved = page
      moved.location.segment = segment
      pages[name] = moved
      index.active.insert(moved)
    }
  }

  func merge() throws {
    let tables = index.snapshot.tables.map(\.summary)
    guard !tables.isEmpty else { return }
    let from = dice.below(tables.count)
    let to = from + 1 + dice.below(tables.count - from)
    let plan = MergePlan(inputs: Array(tables[from..<to]), isBottom: to == tables.count)
    let firstLive = firstLiveSegment
    let rules = Merge.Rules(
      drop: { _, record in
        record.kind == .page && record.location.segment < firstLive ? .deadSegment : nil
      }, dropTombstonesBelow: .max)
    try index.merge(plan, rules: rules)
  }

  func step() throws {
    let namespace = UInt32(1 + dice.below(2))
    switch dice.below(100) {
    case 0..<45: put(namespace)
    case 45..<60: try delete(namespace)
    case 60..<70: segment += 1
    case 70..<75: firstLiveSegment = min(segment, firstLiveSegment + 1)
    case 75..<80: move()
    case 80..<92: try index.flush()
    default: try merge()
    }
  }

  func check() throws {
    for namespace in UInt32(1)...2 {
      for chain in chains where !chain.isEmpty {
        let first = dice.below(chain.count)
        let gapped = chain[first...].filter { _ in dice.chance(70) }
        for ids in [chain, Array(chain[first...]), gapped] {
          let wanted = ids.map { expected(namespace, $0) }
          let right = ids.first.flatMap { expected(namespace, $0)?.place }
          let truncated = right.map {
            WindowPlace(
              anchor0: $0.anchor0, anchor1: $0.anchor1, index: $0.index / 2, path: $0.path)
          }
          let hints = [
            right, nil, truncated, randomPlace(), WindowPlace(firstAfter: .zero),
            ids.first.map { WindowPlace(firstAfter: $0) },
          ]
          for hint in hints {
            let found = try index.walk(
              ids, namespace: namespace, from: hint, isLive: { isLive($0.location) })
            #expect(found == wanted, dice.comment)
            let records = try index.records(
              ids, namespace: namespace, from: hint, isLive: { isLive($0.location) })
            #expect(records == wanted.map { $0.map { IndexRecord($0) } }, dice.comment)
          }
        }
      }
    }
    for (name, page) in pages where isLive(page.location) {
      #expect(try index.snapshot.find(name) == .page(page), dice.comment)
    }
    for memtable in index.snapshot.memtables { memtable.checkInvariants() }
    index.directory.cache.checkInvariants()
  }
}

@Suite struct IndexModelTests {
  @Test(arguments: 0..<12)
  func `answers are those of a dictionary whatever the hint`(_ round: Int) throws {
    let dice = Dice(UInt64(round))
    let model = try Model(dice, cacheBytes: [0, 20 << 10, 1 << 20][round % 3])
    for turn in 0..<60 {
      try model.step()
      if turn % 12 == 11 { try model.check() }
    }
    for table in model.index.snapshot.tables { try table.verify() }
  }

  @Test func `records that enter late lose against the delete that was before them`() throws {
    let index = try TestIndex()
    let id = Make.id(1)
    let name = PageName(namespace: 1, id: id)
    let root = WindowPlace(firstAfter: .zero)
    index.active.delete(Tombstone(name: name, sequence: 40, place: root))
    try index.flush()
    index.active.insert(Make.page(id, birth: 5))
    #expect(try index.snapshot.find(name) == .deleted(sequence: 40))
    #expect(try index.walk([id], from: root) == [nil])
    try index.flush()
    #expect(try index.snapshot.find(name) == .deleted(sequence: 40))
    #expect(try index.walk([id], from: root) == [nil])
    #expect(try index.walk([id], from: nil) == [nil])
  }

  @Test func `a delete and a new put elsewhere in one memtable hide the old path record`() throws {
    let index = try TestIndex()
    let id = Make.id(1)
    let name = PageName(namespace: 1, id: id)
    let old = WindowPlace(firstAfter: .zero)
    let new = WindowPlace(firstAfter: Make.id(2))
    index.active.insert(Make.page(id, birth: 1, at: old))
    try index.flush()
    index.active.delete(Tombstone(name: name, sequence: 2, place: old))
    let again = Make.page(id, birth: 3, segment: 2, at: new)
    index.active.insert(again)
    for _ in 0..<2 {
      for hint in [old, new, nil] { #expect(try index.walk([id], from: hint) == [again]) }
      try index.flush()
    }
    let picker = Picker(
      index.snapshot.tables.map(\.summary), IndexShape(), flushBytes: 4096)
    try index.merge(try #require(picker.mergeAll()))
    for hint in [old, new, nil] { #expect(try index.walk([id], from: hint) == [again]) }
  }

  @Test func `siblings whose digests collide are found, deleted and walked like any other`() throws
  {
    var dice = Dice()
    let index = try TestIndex()
    let trunk = Make.chain(5, &dice)
    let places = Make.places(trunk + [.zero])
    for (number, (id, place)) in zip(trunk, places).enumerated() {
      index.active.insert(Make.page(id, birth: UInt64(number + 1), at: place))
    }
    // All of them have the one path key of a sixth page.
    var siblings = (0..<8).map { _ in
      PageID(dice.next() << 24 | 0xABCDEF, dice.next(), dice.next(), dice.next())
    }
    for (number, id) in siblings.enumerated() {
      index.active.insert(Make.page(id, birth: UInt64(10 + number), at: places[5]))
      if number % 3 == 2 { try index.flush() }
    }
    let doomed = siblings.remove(at: 4)
    func check() throws {
      for id in siblings {
        for hint in [places[0], nil] {
          let found = try index.walk(trunk + [id], from: hint)
          #expect(found.map { $0?.name.id } == trunk + [id], dice.comment)
        }
        #expect(try index.walk([id], from: places[5]).first??.name.id == id, dice.comment)
      }
    }
    try check()
    let name = PageName(namespace: 1, id: doomed)
    index.active.delete(Tombstone(name: name, sequence: 30, place: places[5]))
    try check()
    try index.flush()
    try check()
    #expect(try index.walk(trunk + [doomed], from: places[0]).last == .some(nil))
    let picker = Picker(
      index.snapshot.tables.map(\.summary), IndexShape(), flushBytes: 4096)
    try index.merge(try #require(picker.mergeAll()))
    try check()
    #expect(try index.walk(trunk + [doomed], from: places[0]).last == .some(nil))
    let table = try #require(index.snapshot.tables.first)
    try table.verify()
    // Five of the trunk and the seven siblings by id; one path record for all siblings at most.
    #expect(table.summary.counts.pages == 12 && table.summary.counts.records <= 18)
  }

  @Test func `another id with the same sixteen bytes is absent, never mistaken`() throws {
    let index = try TestIndex()
    let held = PageID(1, 2, 3, 4)
    index.active.insert(Make.page(held, birth: 1))
    try index.flush()
    let twin = PageID(1, 2, 3, 5)
    #expect(try index.snapshot.find(PageName(namespace: 1, id: twin)) == .absent)
    let root = WindowPlace(firstAfter: .zero)
    #expect(try index.walk([twin], from: root) == [nil])
  }

  @Test func `a walk ends when the visitor says so`() throws {
    let index = try TestIndex()
    var dice = Dice()
    let ids = Make.chain(10, &dice)
    var visited = 0
    try index.snapshot.walk(
      namespace: 1, ids: ids[...], from: nil, isLive: { _ in true },
      visit: { index, _ in
        visited += 1
        return index < 3
      })
    #expect(visited == 4)
  }

  @Test func `a walk along an aligned chain reads about one block a window`() throws {
    var dice = Dice()
    let index = try TestIndex(cacheBytes: 0)
    let windows = 8
    let prompt = Make.chain(32, &dice)
    var chains: [[PageID]] = []
    var birth: UInt64 = 0
    for _ in 0..<30 {
      let chain = prompt + Make.chain(32 * (windows - 1), &dice)
      for (id, place) in zip(chain, Make.places(chain)) {
        birth += 1
        index.active.insert(Make.page(id, birth: birth, at: place))
      }
      chains.append(chain)
    }
    try index.flush()
    let reads = index.directory.counters.blockReads
    for (hint, extra) in [(WindowPlace(firstAfter: .zero), 2), (nil, 4)] {
      let before = reads.current
      for chain in chains {
        #expect(try index.walk(chain, from: hint).allSatisfy { $0 != nil })
      }
      let each = Double(reads.current - before) / Double(chains.count)
      #expect(each <= Double(windows + extra), "\(each) blocks a walk, \(dice.comment)")
      print("walk of \(windows) windows, hint \(hint == nil ? "absent" : "right"): \(each) blocks")
    }
    let before = reads.current
    for _ in 0..<1000 { #expect(try index.walk([dice.id()], from: nil) == [nil]) }
    #expect(reads.current - before < 30, "misses read \(reads.current - before) blocks")
  }

  @Test func `a walk looks only into tables that hold its window`() throws {
    var dice = Dice()
    let index = try TestIndex(cacheBytes: 0)
    var chains: [[PageID]] = []
    var hints: [WindowPlace] = []
    for birth in 0..<24 {
      let chain = Make.chain(32, &dice)
      let anchor = dice.id()
      let place = WindowPlace(firstAfter: anchor)
      for (id, place) in zip(chain, Make.places(chain, after: anchor)) {
        index.active.insert(Make.page(id, birth: UInt64(birth), at: place))
      }
      chains.append(chain)
      hints.append(place)
      try index.flush()
    }
    // By page filters alone a third of the 23 others would let one of 32 pages pass.
    let reads = index.directory.counters.blockReads
    for (chain, hint) in zip(chains, hints) {
      #expect(try index.walk(chain, from: hint).allSatisfy { $0 != nil })
    }
    #expect(reads.current <= 32, "\(reads.current) blocks of 24 walks, \(dice.comment)")
    // No memory for the windows: the table holds them all, as far as it can tell.
    let one = try #require(index.snapshot.tables.first)
    var windows = TableWindows(MemoryLedger(limitBytes: 1))
    windows.add(1, one.properties.keyMin)
    #expect(windows.filter(bitsPerName: 10).mayContain(dice.next()))
    #expect(!one.anchorFilter.mayContain(dice.next()) || !one.anchorFilter.mayContain(dice.next()))
  }
}
