// Keys, numbers and records: their bytes, their order, and what is refused.

import Testing

@testable import VarveBase
@testable import VarveEngine

@Suite struct IndexKeyTests {
  @Test func `path keys of a window stand in chain order and share their beginning`() {
    var dice = Dice()
    let ids = Make.chain(32, &dice)
    let places = Make.places(ids)
    var keys: [[UInt8]] = []
    for (id, place) in zip(ids, places) {
      var key: [UInt8] = []
      IndexKey.appendPath(PageName(namespace: 7, id: id), at: place, to: &key)
      #expect(key.count == IndexKey.pathKeyBytes(index: place.index))
      #expect(IndexKey.parse(key)?.namespace == 7)
      #expect(IndexKey.parse(key)?.kind == .path)
      if let before = keys.last { #expect(key.starts(with: before)) }
      keys.append(key)
    }
    #expect(keys.last?.count == IndexKey.byteCountMax, dice.comment)
    #expect(zip(keys, keys.dropFirst()).allSatisfy { IndexKey.precedes($0, $1) })
  }

  @Test func `namespaces order keys before everything else`() {
    var low: [UInt8] = []
    var high: [UInt8] = []
    IndexKey.appendID(PageName(namespace: 255, id: Make.id(0xFF)), to: &low)
    IndexKey.appendPath(
      PageName(namespace: 256, id: Make.id(0)), at: WindowPlace(firstAfter: .zero), to: &high)
    #expect(IndexKey.precedes(low, high))
  }

  @Test(arguments: [0, 4, 5, 20, 22, 25, 27, 182, 186])
  func `a length that no key has is refused`(_ count: Int) {
    #expect(IndexKey.parse([UInt8](repeating: 0, count: count)) == nil)
  }

  @Test func `lengths at the edges are taken`() {
    #expect(IndexKey.parse([UInt8](repeating: 0, count: 26))?.kind == .path)
    #expect(IndexKey.parse([UInt8](repeating: 0, count: 181))?.kind == .path)
    #expect(IndexKey.parse([0, 0, 0, 1, 1] + [UInt8](repeating: 9, count: 16))?.kind == .id)
    #expect(IndexKey.parse([0, 0, 0, 1, 2] + [UInt8](repeating: 9, count: 16)) == nil)
  }

  @Test func `comparison agrees with the plain one`() {
    var dice = Dice()
    for _ in 0..<2000 {
      let left = (0..<dice.below(20)).map { _ in UInt8(dice.below(3)) }
      let right = dice.chance(30) ? left : (0..<dice.below(20)).map { _ in UInt8(dice.below(3)) }
      let order = ByteOrder.compare(left, right)
      #expect((order < 0) == left.lexicographicallyPrecedes(right), dice.comment)
      #expect((order == 0) == (left == right), dice.comment)
    }
  }
}

@Suite struct VarintTests {
  @Test(arguments: [0, 1, 127, 128, 16383, 16384, UInt64(UInt32.max), 1 << 63, .max])
  func `a number comes back`(_ value: UInt64) {
    var bytes: [UInt8] = []
    Varint.append(value, to: &bytes)
    #expect(bytes.count == Varint.byteCount(value))
    let read = number(bytes, end: bytes.count)
    #expect(read?.value == value && read?.end == bytes.count)
    #expect(number(bytes, end: bytes.count - 1) == nil)
    #expect((number32(bytes) != nil) == (value <= UInt64(UInt32.max)))
  }

  @Test(arguments: [
    [0x80, 0x00], [0x81, 0x80, 0x00], [UInt8](repeating: 0xFF, count: 10),
    [UInt8](repeating: 0x80, count: 11),
  ])
  func `longer than needed or than 64 bits is refused`(_ bytes: [UInt8]) {
    #expect(number(bytes, end: bytes.count) == nil)
  }
}

/// Outside the macros of the tests, which cannot hold a span.
private func body(_ bytes: [UInt8], end: Int) -> (record: IndexRecord, end: Int)? {
  var at = 0
  return IndexRecord.readBody(bytes.rawSpan, &at, end: end).map { ($0, at) }
}

private func place(_ bytes: [UInt8], from at: Int, end: Int) -> WindowPlace? {
  IndexRecord.readPlace(bytes.rawSpan, at, end: end)
}

private func number(_ bytes: [UInt8], end: Int) -> (value: UInt64, end: Int)? {
  var at = 0
  return Varint.read(bytes.rawSpan, &at, end: end).map { ($0, at) }
}

private func number32(_ bytes: [UInt8]) -> UInt32? {
  var at = 0
  return Varint.read32(bytes.rawSpan, &at, end: bytes.count)
}

@Suite struct IndexRecordTests {
  private func random(_ dice: inout Dice) -> PageRecord {
    let ids = Make.chain(dice.below(32) + 1, &dice)
    let shift = UInt64(dice.below(64))
    return PageRecord(
      name: PageName(namespace: 3, id: ids[ids.count - 1]), birth: dice.next() >> shift,
      location: Location(
        segment: dice.next() >> shift, offset: UInt32(truncatingIfNeeded: dice.next()),
        rawBytes: UInt32(truncatingIfNeeded: dice.next() >> shift),
        storedBytes: UInt32(truncatingIfNeeded: dice.next()), checksum: dice.next(),
        codec: UInt8(dice.below(256)), volume: UInt8(dice.below(256))),
      putMillis: dice.next() >> shift, expirySeconds: dice.next() >> shift,
      place: Make.places(ids)[ids.count - 1])
  }

  @Test func `a record comes back, and no shorter bytes do`() throws {
    var dice = Dice()
    for _ in 0..<300 {
      let page = random(&dice)
      var bytes: [UInt8] = []
      IndexRecord(page).appendBody(to: &bytes)
      #expect(bytes.count <= IndexRecord.bodyBytesMax)
      let bodyEnd = bytes.count
      IndexRecord.appendPlace(page.place, to: &bytes)
      #expect(bytes.count <= TableFormat.valueBytesMax)
      let read = try #require(body(bytes, end: bytes.count))
      let stood = try #require(place(bytes, from: read.end, end: bytes.count))
      #expect(read.end == bodyEnd && read.record.page(3, at: stood) == page, dice.comment)
      for end in 0..<bodyEnd { #expect(body(bytes, end: end) == nil, dice.comment) }
      for end in bodyEnd..<bytes.count {
        #expect(place(bytes, from: bodyEnd, end: end) == nil, dice.comment)
      }
    }
  }

  @Test func `the largest record fills its bound exactly`() {
    var page = Make.page(Make.id(1), birth: .max, segment: .max)
    page.location.offset = .max
    page.location.rawBytes = .max
    page.location.storedBytes = .max
    page.putMillis = .max
    page.expirySeconds = .max
    var bytes: [UInt8] = []
    IndexRecord(page).appendBody(to: &bytes)
    #expect(bytes.count == IndexRecord.bodyBytesMax)
  }

  @Test func `garbage is refused or read, never worse`() {
    var dice = Dice()
    for _ in 0..<5000 {
      var bytes = dice.bytes(dice.below(160))
      if !bytes.isEmpty, dice.chance(80) { bytes[0] = UInt8(dice.below(3)) }
      if let read = body(bytes, end: bytes.count) {
        #expect(read.end <= bytes.count, dice.comment)
        _ = place(bytes, from: read.end, end: bytes.count)
      }
    }
  }

  @Test func `the higher birth wins, then the higher segment`() {
    let old = IndexRecord(Make.page(Make.id(1), birth: 5, segment: 2))
    let moved = IndexRecord(Make.page(Make.id(1), birth: 5, segment: 3))
    let newer = IndexRecord(Make.page(Make.id(1), birth: 6, segment: 1))
    #expect(moved.wins(over: old) && !old.wins(over: moved) && !old.wins(over: old))
    #expect(newer.wins(over: moved) && !moved.wins(over: newer))
  }
}
