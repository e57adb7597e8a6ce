// The counts that tables carry for the next start: their bytes, their sums, and when a page stops
// to count.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

@Suite struct PageCensusTests {
  private func page(
    _ dice: inout Dice, segment: UInt64, namespace: UInt32 = 1, expiry: UInt64 = 0
  ) -> PageRecord {
    var page = Make.page(dice.id(), namespace: namespace, birth: 1, segment: segment)
    page.expirySeconds = expiry
    return page
  }

  @Test func `a page counts until the second of its expiry`() {
    var dice = Dice()
    var held = HeldPages()
    held.add(page(&dice, segment: 1))
    held.add(page(&dice, segment: 1, expiry: 100))
    #expect(held.live(at: 99).pages == 2)
    #expect(held.live(at: 100).pages == 1)
    #expect(held.live(at: 101).pages == 1)
    held.forgetExpired(at: 99)
    #expect(held.total.pages == 2)
    held.forgetExpired(at: 100)
    #expect(held.total == PageCounts(pages: 1, bytes: 1 << 20))
  }

  @Test func `what is taken away leaves nothing`() {
    var dice = Dice()
    var census = PageCensus()
    var pages: [PageRecord] = []
    for index in 0..<20 {
      pages.append(
        page(
          &dice, segment: UInt64(index % 3), namespace: UInt32(index % 2),
          expiry: UInt64(index % 4)))
    }
    for page in pages { census.add(page) }
    #expect(census.isSane && !census.isEmpty)
    for page in pages { census.remove(page) }
    #expect(census.isEmpty && census == PageCensus())
    census.remove(pages[0])
    #expect(!census.isSane)
  }

  /// Numbers of every size, below zero as well.
  private func random(_ dice: inout Dice) -> PageCensus {
    var census = PageCensus()
    for _ in 0..<dice.below(6) {
      let segment = dice.next() >> UInt64(dice.below(64))
      for _ in 0...dice.below(3) {
        var held = HeldPages()
        for expiry in [0, 1, dice.next() >> UInt64(dice.below(64))] where dice.chance(70) {
          let pages = Int64(dice.below(2_000_001) - 1_000_000)
          held.add(PageCounts(pages: pages, bytes: pages &* 4097), expiry: expiry)
        }
        census.add(held, segment: segment, namespace: UInt32(dice.below(5)))
      }
    }
    return census
  }

  @Test func `bytes read back as they were written, and no shorter`() {
    var dice = Dice()
    for _ in 0..<200 {
      let census = random(&dice)
      var bytes: [UInt8] = [7]
      census.append(to: &bytes)
      #expect(bytes.count - 1 <= census.byteCountMax, dice.comment)
      #expect(PageCensus(bytes.rawSpan, at: 1) == census, dice.comment)
      for count in 1..<bytes.count {
        #expect(PageCensus(Array(bytes[..<count]).rawSpan, at: 1) == nil, dice.comment)
      }
      #expect(PageCensus((bytes + [0]).rawSpan, at: 1) == nil, dice.comment)
    }
  }

  @Test func `counts beyond their bounds are no census`() {
    for (pages, bytes) in [(Int64(1) << 48, Int64(0)), (0, 1 << 56), (-(1 << 48), 0)] {
      var held = HeldPages()
      held.add(PageCounts(pages: pages, bytes: bytes), expiry: 0)
      var census = PageCensus()
      census.add(held, segment: 1, namespace: 1)
      var written: [UInt8] = []
      census.append(to: &written)
      #expect(PageCensus(written.rawSpan, at: 0) == nil, "\(pages) pages \(bytes) bytes")
    }
  }

  @Test func `tables carry the census of their memtables, and merges their sum`() throws {
    var dice = Dice()
    let index = try TestIndex()
    var pages: [PageRecord] = []
    for index in 0..<10 { pages.append(page(&dice, segment: UInt64(1 + index % 2))) }
    var expected = PageCensus()
    for page in pages {
      index.active.insert(page)
      expected.add(page)
    }
    try index.flush()
    let gone = pages[3]
    index.active.delete(
      Tombstone(name: gone.name, sequence: 2, place: gone.place), ending: gone)
    expected.remove(gone)
    try index.flush()
    #expect(PageCensus.sum(of: index.snapshot.tables) == expected, dice.comment)
    try index.merge(MergePlan(inputs: index.snapshot.tables.map(\.summary), isBottom: true))
    #expect(index.snapshot.tables.count == 1)
    #expect(index.snapshot.tables.first?.properties.census == expected, dice.comment)
  }
}
