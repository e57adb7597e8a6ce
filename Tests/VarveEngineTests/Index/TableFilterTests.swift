// The filter: never a false "absent", about one false "maybe" in a hundred; and the block cache.

import Testing

@testable import VarveBase
@testable import VarveEngine

@Suite struct TableFilterTests {
  @Test func `every name that was inserted passes, about one other in a hundred does`() throws {
    var dice = Dice()
    let names = 20_000
    var filter = TableFilter(names: names)
    let held = (0..<names).map { _ in PageName(namespace: 1, id: dice.id()) }
    for name in held { filter.insert(TableFilter.hash(name)) }
    let read = try #require(TableFilter(filter.payload))
    #expect(held.allSatisfy { read.mayContain(TableFilter.hash($0)) }, dice.comment)
    let passed = (0..<names).filter { _ in
      read.mayContain(TableFilter.hash(PageName(namespace: 1, id: dice.id())))
    }
    let share = Double(passed.count) / Double(names)
    #expect(share > 0.002 && share < 0.016, "\(share) of absent names pass, \(dice.comment)")
    #expect(read.byteCount * 8 < names * 10 + 512)
  }

  @Test func `more bits a name let less pass, fewer more, and under one there is no filter`()
    throws
  {
    var dice = Dice()
    let names = 20_000
    let held = (0..<names).map { _ in TableFilter.hash(PageName(namespace: 1, id: dice.id())) }
    let absent = (0..<50_000).map { _ in dice.next() }
    // The most that may pass of 50,000: one and a half times an ideal filter's, and chance.
    for (bits, most) in [(1.0, 0.95), (2, 0.6), (4, 0.2), (8, 0.035), (14, 0.006), (24, 0.0015)] {
      var filter = TableFilter(names: names, bitsPerName: bits)
      for hash in held { filter.insert(hash) }
      let read = try #require(TableFilter(filter.payload))
      #expect(read.probes == filter.probes && read.byteCount == filter.byteCount)
      #expect(held.allSatisfy(read.mayContain), dice.comment)
      let share = Double(absent.count(where: read.mayContain)) / Double(absent.count)
      #expect(share < most, "\(share) pass with \(bits) bits, \(dice.comment)")
      #expect(read.byteCount * 8 < Int(Double(names) * bits) + 512)
    }
    #expect(TableFilter(names: names, bitsPerName: 0.99).byteCount == 0)
    let most = TableFilter(names: names, bitsPerName: TableFilter.bitsPerNameMax)
    #expect(TableFilter(names: names, bitsPerName: 100).byteCount == most.byteCount)
    #expect(most.probes == TableFilter.probesMax)
  }

  @Test func `ids that are no hashes are told apart all the same`() {
    var filter = TableFilter(names: 1000)
    func name(_ number: UInt64, _ namespace: UInt32 = 1) -> UInt64 {
      TableFilter.hash(PageName(namespace: namespace, id: PageID(0, 0, 0, number)))
    }
    for number in 0..<1000 { filter.insert(name(UInt64(number))) }
    let passed = (1000..<11000).filter { filter.mayContain(name(UInt64($0))) }.count
    let elsewhere = (0..<1000).filter { filter.mayContain(name(UInt64($0), 2)) }.count
    #expect(passed < 200 && elsewhere < 40)
  }

  @Test func `payloads that are no filter are refused`() {
    let whole = TableFilter(names: 100).payload
    #expect(TableFilter(whole) != nil)
    for count in 0..<whole.count { #expect(TableFilter(Array(whole[0..<count])) == nil) }
    #expect(TableFilter(whole + [0]) == nil)
    for (probes, isFilter) in [(0, false), (1, true), (14, true), (15, false)] {
      var other = whole
      other[0] = UInt8(probes)
      #expect((TableFilter(other) != nil) == isFilter)
    }
  }

  @Test func `a filter of no blocks calls nothing absent and takes nothing in`() {
    var filter = TableFilter.none
    filter.insert(5)
    #expect(filter.byteCount == 0 && filter.mayContain(5) && filter.mayContain(6))
    #expect(filter.payload == [6, 0, 0, 0, 0, 0, 0, 0])
    #expect(TableFilter(filter.payload)?.byteCount == 0)
  }
}

@Suite struct BlockCacheTests {
  private func block(_ number: UInt8) throws -> IndexBlock {
    var builder = IndexBlockBuilder()
    builder.add([number], [UInt8](repeating: number, count: 100))
    return try #require(IndexBlock(builder.finish()))
  }

  @Test func `the longest unused leaves first, and the budget holds`() throws {
    let size = try block(0).byteCount
    let ledger = MemoryLedger(limitBytes: 1 << 20)
    let cache = BlockCache(budgetBytes: 3 * size, ledger: ledger)
    for number in 0..<3 { cache.insert(try block(UInt8(number)), table: 1, block: Int32(number)) }
    #expect(cache.find(table: 1, block: 0) != nil)
    cache.insert(try block(3), table: 1, block: 3)
    #expect(cache.find(table: 1, block: 1) == nil)
    #expect([0, 2, 3].allSatisfy { cache.find(table: 1, block: $0) != nil })
    #expect(cache.byteCount == 3 * size && ledger.bytes(of: .blockCache) == 3 * size)
    cache.checkInvariants()
    cache.remove(table: 1)
    #expect(cache.byteCount == 0 && ledger.bytes(of: .blockCache) == 0)
    cache.checkInvariants()
  }

  @Test func `a full ledger means nothing is kept, and a block over the budget neither`() throws {
    let size = try block(0).byteCount
    let ledger = MemoryLedger(limitBytes: size - 1)
    let cache = BlockCache(budgetBytes: 10 * size, ledger: ledger)
    cache.insert(try block(0), table: 1, block: 0)
    #expect(cache.byteCount == 0)
    let small = BlockCache(budgetBytes: size - 1)
    small.insert(try block(0), table: 1, block: 0)
    #expect(small.find(table: 1, block: 0) == nil)
    let exact = BlockCache(budgetBytes: size)
    exact.insert(try block(0), table: 1, block: 0)
    #expect(exact.find(table: 1, block: 0) != nil)
  }

  @Test func `filters and block indexes count in the budget and stay when they pass it`() throws {
    let size = try block(0).byteCount
    let cache = BlockCache(budgetBytes: 3 * size)
    for number in 0..<3 { cache.insert(try block(UInt8(number)), table: 1, block: Int32(number)) }
    cache.hold(resident: size)
    #expect(cache.byteCount == 2 * size && cache.residentBytes == size)
    #expect(cache.find(table: 1, block: 0) == nil && cache.find(table: 1, block: 2) != nil)
    cache.insert(try block(3), table: 1, block: 3)
    #expect(cache.byteCount == 2 * size)
    cache.checkInvariants()
    cache.hold(resident: 3 * size)
    #expect(cache.byteCount == 0 && cache.residentBytes == 4 * size)
    cache.insert(try block(3), table: 1, block: 3)
    #expect(cache.find(table: 1, block: 3) == nil)
    cache.letGo(resident: 4 * size)
    cache.insert(try block(3), table: 1, block: 3)
    #expect(cache.find(table: 1, block: 3) != nil && cache.residentBytes == 0)
    cache.checkInvariants()
  }

  @Test func `an open table holds its parts in the budget, and a cache of one byte serves all`()
    throws
  {
    for budget in [1, 4 << 10, 1 << 20] {
      var dice = Dice()
      let index = try TestIndex(cacheBytes: budget)
      let chain = Make.chain(200, &dice)
      for (number, id) in chain.enumerated() {
        index.active.insert(Make.page(id, birth: UInt64(number), at: Make.places(chain)[number]))
      }
      try index.flush()
      let table = try #require(index.snapshot.tables.first)
      let cache = index.directory.cache
      let resident =
        table.filter.byteCount + table.anchorFilter.byteCount + table.blocks.byteCount
      #expect(cache.residentBytes == resident && index.ledger.bytes(of: .filter) == resident)
      #expect(try index.walk(chain, from: WindowPlace(firstAfter: .zero)).allSatisfy { $0 != nil })
      cache.checkInvariants()
      #expect(cache.byteCount <= max(0, budget - resident))
      #expect((cache.byteCount > 0) == (budget == 1 << 20))
    }
  }

  @Test func `random work keeps the list whole`() throws {
    var dice = Dice()
    let blocks = try (0..<8).map { try block(UInt8($0)) }
    let cache = BlockCache(budgetBytes: 5 * blocks[0].byteCount)
    for _ in 0..<3000 {
      let table = UInt64(dice.below(2))
      let number = dice.below(8)
      switch dice.below(10) {
      case 0: cache.remove(table: table)
      case 1...5: cache.insert(blocks[number], table: table, block: Int32(number))
      default:
        if let found = cache.find(table: table, block: Int32(number)) {
          #expect(found === blocks[number], dice.comment)
        }
      }
    }
    cache.checkInvariants()
  }
}
