// Table files: what is written is read, what is damaged is said to be, and files go when they
// should.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

@Suite struct TableTests {
  /// A small table: a chain of 20, a page alone, a tombstone.
  private func small(_ index: TestIndex, _ dice: inout Dice, pages: Int = 20) throws -> [PageID] {
    let ids = Make.chain(pages, &dice)
    for (number, (id, place)) in zip(ids, Make.places(ids)).enumerated() {
      index.active.insert(Make.page(id, birth: UInt64(number + 1), at: place))
    }
    let gone = PageName(namespace: 1, id: Make.id(0xEE))
    index.active.delete(
      Tombstone(
        name: gone, sequence: UInt64(pages + 1), place: WindowPlace(firstAfter: .zero)))
    return ids
  }

  @Test func `counts say what is in it`() throws {
    var dice = Dice()
    let index = try TestIndex()
    _ = try small(index, &dice)
    try index.flush()
    let table = try #require(index.snapshot.tables.first)
    let counts = table.summary.counts
    #expect(counts.records == 42 && counts.pages == 20 && counts.tombstones == 1)
    #expect(counts.sequenceMin == 1 && counts.sequenceMax == 21)
    #expect(counts.segmentMin == 1 && counts.segmentMax == 1)
    #expect(table.summary.fileBytes == (try index.files.size("/tables/0000000000000001.sst")))
    try table.verify()
  }

  @Test func `a table of many blocks is whole`() throws {
    var dice = Dice()
    let index = try TestIndex()
    let ids = try small(index, &dice, pages: 1500)
    try index.flush()
    let table = try #require(index.snapshot.tables.first)
    #expect(table.blocks.count > 10)
    try table.verify()
    let found = try index.walk(ids, from: WindowPlace(firstAfter: .zero))
    #expect(found.allSatisfy { $0 != nil } && found.map { $0?.name.id } == ids, dice.comment)
    #expect(index.ledger.bytes(of: .filter) > 0)
  }

  @Test func `an empty memtable makes no table`() throws {
    let index = try TestIndex()
    #expect(try TableBuilder.write(Memtable(), to: index.directory, number: 1) == nil)
    #expect(try index.files.list("/tables").isEmpty)
  }

  @Test func `any bit turned over is damage or changes nothing`() throws {
    var dice = Dice(1)
    let index = try TestIndex(cacheBytes: 0)
    let ids = try small(index, &dice, pages: 6)
    try index.flush()
    let path = "/tables/0000000000000001.sst"
    let summary = try #require(index.snapshot.tables.first).summary
    let bits = Int(summary.fileBytes) * 8
    for bit in 0..<bits {
      index.files.flipBit(bit, of: path)
      #expect(throws: IndexError.self, "bit \(bit), \(dice.comment)") {
        let table = try index.directory.open(summary)
        try table.verify()
      }
      // Lookups may miss the damaged block, but what they give is right.
      if let table = try? index.directory.open(summary), bit % 7 == 0 {
        let snapshot = IndexSnapshot(
          memtables: [Memtable()], tables: [table], counters: index.directory.counters)
        for (number, id) in ids.enumerated() {
          if case .page(let page)? = try? snapshot.find(PageName(namespace: 1, id: id)) {
            #expect(page.birth == UInt64(number + 1), "bit \(bit)")
          }
        }
      }
      index.files.flipBit(bit, of: path)
    }
    try index.directory.open(summary).verify()
  }

  @Test func `a file cut anywhere, grown, or of garbage is refused`() throws {
    var dice = Dice(2)
    let index = try TestIndex(cacheBytes: 0)
    _ = try small(index, &dice)
    try index.flush()
    let whole = try index.files.readAll("/tables/0000000000000001.sst")
    func opens(_ bytes: [UInt8], _ number: UInt64) -> Bool {
      let path = index.directory.path(of: number)
      try? index.files.remove(path)
      try? index.files.writeAll(path, bytes)
      var summary = TableSummary(
        number: number, order: 1, fileBytes: UInt64(bytes.count), counts: TableCounts())
      if let table = index.snapshot.tables.first { summary.counts = table.summary.counts }
      return (try? index.directory.open(summary)) != nil
    }
    for length in stride(from: 0, to: whole.count, by: 13) {
      #expect(!opens(Array(whole[0..<length]), 2))
    }
    #expect(!opens(whole + [0], 2))
    #expect(!opens(whole, 2), "a file under another number")
    for _ in 0..<300 { #expect(!opens(dice.bytes(dice.below(400)), 2), dice.comment) }
    var hybrid = dice.bytes(whole.count)
    hybrid.replaceSubrange(whole.count - 64..<whole.count, with: whole[(whole.count - 64)...])
    #expect(!opens(hybrid, 2))
  }

  @Test func `an unknown version is refused naming both`() throws {
    var footer = TableFooter(
      number: 5, indexOffset: 1, filterOffset: 2, anchorFilterOffset: 3, namesOffset: 4,
      propertiesOffset: 5)
    func read(_ bytes: [UInt8]) throws -> TableFooter {
      try TableFooter(tail: bytes, number: 5, size: 100 + UInt64(bytes.count), file: "x")
    }
    #expect(try read(footer.bytes(at: 100)) == footer)
    for version in [0, 4] as [UInt32] {
      footer.version = version
      let error = IndexError.unknownVersion(file: "x", found: version, supported: 3)
      #expect(throws: error) { try read(footer.bytes(at: 100)) }
    }
    footer.version = 2
    let outdated = IndexError.outdated(file: "x", found: 2, supported: 3)
    #expect(throws: outdated) { try read(footer.bytes(at: 100)) }
    #expect("\(outdated)" == "x: format version 2 of an older release, this one reads 3")
    // Damage comes before age.
    var torn = footer.bytes(at: 100)
    torn[3] ^= 1
    let damage = #expect(throws: IndexError.self) { try read(torn) }
    guard case .corrupt? = damage else {
      Issue.record("\(String(describing: damage))")
      return
    }
  }

  @Test func `a footer of version 1 was shorter, and is of an older release`() throws {
    var bytes: [UInt8] = []
    for number in [5, 1, 2, 3] as [UInt64] { bytes.appendLE(number) }
    bytes.appendLE(UInt32(1))
    bytes.appendLE(FormatChecksum.of(bytes, [], number: 5, offset: 100))
    bytes.append(contentsOf: TableFormat.magic)
    #expect(bytes.count == 48)
    for room in [0, 16] {
      let tail = [UInt8](repeating: 7, count: room) + bytes
      #expect(throws: IndexError.outdated(file: "x", found: 1, supported: 3)) {
        try TableFooter(tail: tail, number: 5, size: 148, file: "x")
      }
    }
  }

  @Test func `a manifest that says otherwise, or a missing file, is told`() throws {
    var dice = Dice()
    let index = try TestIndex()
    _ = try small(index, &dice)
    try index.flush()
    var summary = try #require(index.snapshot.tables.first).summary
    summary.counts.pages += 1
    #expect(throws: IndexError.self) { try index.directory.open(summary) }
    summary.number = 99
    #expect(throws: IndexError.missing(file: "/tables/0000000000000063.sst")) {
      try index.directory.open(summary)
    }
  }

  @Test func `a ledger without room refuses the table and keeps nothing`() throws {
    var dice = Dice()
    let index = try TestIndex()
    _ = try small(index, &dice)
    try index.flush()
    let summary = try #require(index.snapshot.tables.first).summary
    let held = index.ledger.bytes(of: .filter)
    for (limit, fits) in [(held - 1, false), (held, true)] {
      let ledger = MemoryLedger(limitBytes: limit)
      let tight = TableDirectory(
        index.files, path: "/tables", cache: BlockCache(budgetBytes: 0), ledger: ledger)
      var opened: Table? = try? tight.open(summary)
      #expect((opened != nil) == fits)
      #expect(ledger.bytes(of: .filter) == (fits ? held : 0))
      opened = nil
      #expect(ledger.bytes(of: .filter) == 0 && opened == nil)
    }
  }

  @Test func `a table is not begun without memory for its filter`() throws {
    let index = try TestIndex()
    index.active.insert(Make.page(Make.id(1), birth: 1))
    index.active.freeze()
    let bytes = TableFilter.byteCount(names: 1)
    for (limit, fits) in [(bytes - 1, false), (bytes, true)] {
      let ledger = MemoryLedger(limitBytes: limit)
      let tight = TableDirectory(
        index.files, path: "/tables", cache: BlockCache(budgetBytes: 0), ledger: ledger)
      let summary = try? TableBuilder.write(index.active, to: tight, number: 1)
      #expect((summary != nil) == fits && ledger.totalBytes == 0)
      #expect(try index.files.list("/tables").isEmpty != fits)
    }
  }

  @Test func `a retired table's file goes with its last snapshot`() throws {
    var dice = Dice()
    let index = try TestIndex()
    let ids = try small(index, &dice)
    try index.flush()
    let path = "/tables/0000000000000001.sst"
    let told = Locked<UInt64>(0)
    var old: IndexSnapshot? = index.snapshot
    let table = try #require(index.snapshot.tables.first)
    let bytes = table.summary.fileBytes
    index.snapshot = index.snapshot.merged([table], to: nil)
    try #require(old?.tables.first).retire { gone in told.withLock { $0 = gone } }
    #expect(try old?.find(PageName(namespace: 1, id: ids[0])) != .absent)
    _ = consume table
    #expect(try index.files.exists(path) && told.withLock { $0 } == 0)
    old = nil
    #expect(try !index.files.exists(path) && old == nil)
    #expect(told.withLock { $0 } == bytes)
    #expect(index.ledger.totalBytes == 0)
  }

  @Test func `strays go, tables in force and other files stay`() throws {
    var dice = Dice()
    let index = try TestIndex()
    _ = try small(index, &dice)
    try index.flush()
    try index.files.writeAll("/tables/00000000000000aa.sst", [1])
    try index.files.writeAll("/tables/notes", [1])
    #expect(try index.directory.removeStrays(keeping: index.snapshot.tables.map(\.summary)) == 1)
    #expect(try index.files.list("/tables") == ["0000000000000001.sst", "notes"])
  }

  @Test func `a write that fails leaves no file and no table`() throws {
    let files = MemoryFileSystem(totalBytes: 64 << 10)
    let index = try TestIndex(files: files)
    var dice = Dice()
    _ = try small(index, &dice, pages: 1500)
    index.active.freeze()
    #expect(throws: IndexError.self) {
      try TableBuilder.write(index.active, to: index.directory, number: 1)
    }
    #expect(try files.list("/tables").isEmpty)
  }

  @Test func `a table is there after a crash of the machine`() throws {
    var dice = Dice()
    let index = try TestIndex()
    index.files.syncAllForTest()
    let ids = try small(index, &dice)
    try index.flush()
    let summary = try #require(index.snapshot.tables.first).summary
    let files = index.files.crashClone(.none)
    let directory = TableDirectory(files, path: "/tables", cache: BlockCache(budgetBytes: 0))
    let table = try directory.open(summary)
    try table.verify()
    let snapshot = IndexSnapshot(
      memtables: [Memtable()], tables: [table], counters: directory.counters)
    #expect(try snapshot.find(PageName(namespace: 1, id: ids[3])) != .absent)
  }
}

extension MemoryFileSystem {
  /// Makes the directories of a test durable.
  fileprivate func syncAllForTest() { try? syncDirectory("/") }
}
