// The list of names in a table: what is written is read back.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

@Suite struct TableNamesTests {
  private func record(_ dice: inout Dice) -> IndexRecord {
    if dice.chance(15) { return IndexRecord(tombstone: dice.id(), sequence: dice.next()) }
    var page = Make.page(dice.id(), birth: 1, segment: dice.next() >> UInt64(dice.below(64)))
    page.location.rawBytes = dice.chance(80) ? 65536 : UInt32.random(in: 1 ... .max, using: &dice)
    page.expirySeconds = dice.chance(20) ? dice.next() : 0
    return IndexRecord(page)
  }

  @Test func `names come back as they went in, whatever their order`() {
    var dice = Dice(1)
    for _ in 0..<200 {
      var builder = TableNamesBuilder()
      var expected: [TableName] = []
      var namespace: UInt32 = 0
      for _ in 0..<1 + dice.below(50) {
        if dice.chance(20) { namespace = UInt32.random(in: 0 ... .max, using: &dice) }
        let record = record(&dice)
        let hash = dice.next()
        builder.add(record, namespace: namespace, hash: hash)
        expected.append(TableName(record, namespace: namespace, hash: hash))
      }
      let payload = builder.finishBlock(at: 0)
      #expect(payload.count <= TableNames.headBytes + expected.count * TableNames.nameBytesMax)
      var read: [TableName] = []
      let isWhole = TableNames.visit(payload) { read.append($0) }
      #expect(isWhole && read.count == expected.count, dice.comment)
      for (got, put) in zip(read, expected) {
        #expect(got.hash == put.hash && got.namespace == put.namespace, dice.comment)
        #expect(got.isPage == put.isPage && got.expires == put.expires, dice.comment)
        guard put.isPage else { continue }
        #expect(got.segment == put.segment && got.rawBytes == put.rawBytes, dice.comment)
      }
    }
  }

  @Test func `a payload cut or lengthened is none`() {
    var dice = Dice(2)
    var builder = TableNamesBuilder()
    for _ in 0..<20 { builder.add(record(&dice), namespace: 7, hash: dice.next()) }
    let payload = builder.finishBlock(at: 0)
    for count in 0..<payload.count {
      #expect(!TableNames.visit(Array(payload[..<count])) { _ in }, "\(count) bytes")
    }
    #expect(!TableNames.visit(payload + [0]) { _ in })
  }

  @Test func `the directory names the blocks and no byte beyond`() {
    var builder = TableNamesBuilder()
    var dice = Dice(3)
    var expected: [Range<UInt64>] = []
    var offset: UInt64 = 0
    for _ in 0..<40 {
      offset += UInt64(dice.below(100_000))
      builder.add(record(&dice), namespace: 1, hash: dice.next())
      let bytes = builder.finishBlock(at: offset).count + TableFormat.blockHeadBytes
      expected.append(offset..<offset + UInt64(bytes))
      offset += UInt64(bytes)
    }
    let payload = builder.directoryPayload
    #expect(TableNames.ranges(payload, dataBytes: offset) == expected, dice.comment)
    #expect(TableNames.ranges(payload, dataBytes: offset - 1) == nil)
    #expect(TableNames.ranges(payload + [0], dataBytes: offset) == nil)
    #expect(TableNames.ranges(Array(payload.dropLast()), dataBytes: offset) == nil)
  }

  @Test func `a table lists every id record in its order, over many blocks`() throws {
    var dice = Dice(4)
    let index = try TestIndex()
    for birth in 1...20_000 as ClosedRange<UInt64> {
      let namespace = UInt32(1 + dice.below(3))
      if dice.chance(5) {
        index.active.delete(
          Tombstone(
            name: PageName(namespace: namespace, id: dice.id()), sequence: birth,
            place: WindowPlace(firstAfter: .zero)))
      } else {
        index.active.insert(
          Make.page(dice.id(), namespace: namespace, birth: birth, segment: 1 + birth / 100))
      }
    }
    try index.flush()
    let table = try #require(index.snapshot.tables.first)
    #expect(table.names.count > 2)
    var expected: [TableName] = []
    var scanner = TableScanner(table)
    while try scanner.next() {
      guard scanner.kind == .id else { continue }
      let name = PageName(namespace: scanner.namespace, id: scanner.record.id)
      expected.append(
        TableName(
          scanner.record, namespace: scanner.namespace, hash: TableFilter.hash(name)))
    }
    var listed: [TableName] = []
    try table.visitNames {
      var name = $0
      // What a tombstone says of segment and length is left over from the page before.
      if !name.isPage { (name.segment, name.rawBytes) = (0, 0) }
      listed.append(name)
    }
    #expect(listed == expected, dice.comment)
    let counts = table.summary.counts
    #expect(UInt64(listed.count) == counts.pages + counts.tombstones)
    try table.verify()
  }
}
