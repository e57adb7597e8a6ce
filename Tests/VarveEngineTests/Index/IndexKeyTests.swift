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

  @Test(arguments: [0, 4, 5, 20, 22, 23, 25, 116, 118, 120])
  func `a length that no key has is refused`(_ count: Int) {
    #expect(IndexKey.parse([UInt8](repeating: 0, count: count)) == nil)
  }

  @Test func `lengths at the edges are taken`() {
    #expect(IndexKey.parse([UInt8](repeating: 0, count: 24))?.kind == .path)
    #expect(IndexKey.parse([UInt8](repeating: 0, count: 117))?.kind == .path)
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
private func body(
  _ bytes: [UInt8], end: Int, under key: [UInt8], _ kind: IndexKey.Kind,
  base: RecordBase = RecordBase()
) -> (record: IndexRecord, end: Int)? {
  var at = 0
  return IndexRecord.readBody(bytes.rawSpan, &at, end: end, under: key, kind, base: base)
    .map { ($0, at) }
}

private func keys(_ page: PageRecord) -> [(IndexKey.Kind, [UInt8])] {
  var path: [UInt8] = []
  IndexKey.appendPath(page.name, at: page.place, to: &path)
  var id: [UInt8] = []
  IndexKey.appendID(page.name, to: &id)
  return [(.path, path), (.id, id)]
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
    let rawBytes = UInt32(truncatingIfNeeded: dice.next() >> shift)
    return PageRecord(
      name: PageName(namespace: 3, id: ids[ids.count - 1]), birth: dice.next() >> shift,
      location: Location(
        segment: dice.next() >> shift, offset: UInt32(truncatingIfNeeded: dice.next()),
        rawBytes: rawBytes,
        storedBytes: dice.chance(50) ? rawBytes : UInt32(truncatingIfNeeded: dice.next()),
        checksum: dice.next(), codec: dice.chance(50) ? 1 : UInt8(dice.below(256)),
        volume: dice.chance(50) ? 0 : UInt8(dice.below(256))),
      putMillis: dice.next() >> shift, expirySeconds: dice.chance(50) ? 0 : dice.next() >> shift,
      place: Make.places(ids, after: dice.chance(50) ? .zero : dice.id())[ids.count - 1])
  }

  /// Bases that share all, some or nothing with the page.
  private func bases(_ page: PageRecord, _ dice: inout Dice) -> [RecordBase] {
    var near = RecordBase(IndexRecord(page))
    near.putMillis &+= UInt64(dice.below(1 << 20)) &- 1 << 19
    var far = near
    far.putMillis = dice.next()
    far.rawBytes ^= 1
    return [RecordBase(IndexRecord(page)), RecordBase(), near, far]
  }

  @Test func `a record comes back, and no shorter bytes do`() throws {
    var dice = Dice()
    for _ in 0..<200 {
      let page = random(&dice)
      for (kind, key) in keys(page) {
        for base in bases(page, &dice) {
          var bytes: [UInt8] = []
          IndexRecord(page).appendBody(to: &bytes, under: kind, base: base)
          #expect(bytes.count <= IndexRecord(page).flatBodyBytes(under: kind), dice.comment)
          #expect(bytes.count <= IndexRecord.bodyBytesMax)
          let bodyEnd = bytes.count
          IndexRecord.appendPlace(page.place, to: &bytes)
          #expect(bytes.count == bodyEnd + IndexRecord.placeBytes(page.place))
          #expect(bytes.count <= TableFormat.valueBytesMax)
          let read = try #require(body(bytes, end: bytes.count, under: key, kind, base: base))
          let stood = try #require(place(bytes, from: read.end, end: bytes.count))
          #expect(read.end == bodyEnd && read.record.page(3, at: stood) == page, dice.comment)
          for end in 0..<bodyEnd {
            #expect(body(bytes, end: end, under: key, kind, base: base) == nil, dice.comment)
          }
          for end in bodyEnd..<bytes.count {
            #expect(place(bytes, from: bodyEnd, end: end) == nil, dice.comment)
          }
        }
      }
    }
  }

  @Test func `a tombstone comes back under both keys`() throws {
    var dice = Dice()
    for _ in 0..<100 {
      let record = IndexRecord(tombstone: dice.id(), sequence: dice.next() >> dice.below(64))
      let page = Make.page(record.id, birth: 1)
      for (kind, key) in keys(page) {
        var bytes: [UInt8] = []
        record.appendBody(to: &bytes, under: kind, base: RecordBase(IndexRecord(page)))
        #expect(bytes.count == record.flatBodyBytes(under: kind))
        let read = try #require(body(bytes, end: bytes.count, under: key, kind))
        #expect(read.record == record && read.end == bytes.count, dice.comment)
      }
    }
  }

  @Test func `the largest record fills its bound exactly`() {
    var page = Make.page(Make.id(1), birth: .max, segment: .max)
    page.location.offset = .max
    page.location.rawBytes = .max
    page.location.storedBytes = .max - 1
    page.location.volume = 1
    page.putMillis = .max
    page.expirySeconds = .max
    var base = RecordBase()
    base.putMillis = 1 << 62
    var bytes: [UInt8] = []
    IndexRecord(page).appendBody(to: &bytes, under: .path, base: base)
    // Stored bytes that differ from the raw ones take as many digits here.
    #expect(bytes.count == IndexRecord.bodyBytesMax)
  }

  @Test func `flags that no record has are refused`() throws {
    let page = Make.page(Make.id(1), birth: 9)
    for (kind, key) in keys(page) {
      var bytes: [UInt8] = []
      IndexRecord(page).appendBody(to: &bytes, under: kind, base: RecordBase())
      for flags in [0, 3, 128 | bytes[0], 2 | 4, 2 | 64] as [UInt8] {
        var other = bytes
        other[0] = flags
        #expect(body(other, end: other.count, under: key, kind) == nil, "flags \(flags)")
      }
    }
    for first in [32, 63, 64, 128 | 32, 255] as [UInt8] {
      let bytes = [first] + [UInt8](repeating: 0, count: 400)
      for end in 1...bytes.count { #expect(place(bytes, from: 0, end: end) == nil) }
    }
  }

  @Test func `garbage is refused or read, never worse`() {
    var dice = Dice()
    let keys = keys(Make.page(Make.id(1), birth: 1, at: Make.places(Make.chain(9, &dice))[8]))
    for _ in 0..<5000 {
      var bytes = dice.bytes(dice.below(160))
      if !bytes.isEmpty, dice.chance(80) { bytes[0] = bytes[0] & 124 | UInt8(dice.below(3)) }
      for (kind, key) in keys {
        if let read = body(bytes, end: bytes.count, under: key, kind) {
          #expect(read.end <= bytes.count, dice.comment)
          _ = place(bytes, from: read.end, end: bytes.count)
        }
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
