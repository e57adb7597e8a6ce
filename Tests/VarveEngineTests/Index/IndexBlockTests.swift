// Data blocks against a sorted array, and garbage.

import Testing

@testable import VarveBase
@testable import VarveEngine

@Suite struct IndexBlockTests {
  private func find(_ block: IndexBlock, _ key: [UInt8]) -> [UInt8]? {
    block.find(key).map { Array(block.bytes[$0]) }
  }

  @Test func `a block finds what it holds and nothing else`() throws {
    var dice = Dice()
    for _ in 0..<60 {
      var entries: [[UInt8]: [UInt8]] = [:]
      for _ in 0...dice.below(80) {
        let key = (0...dice.below(12)).map { _ in UInt8(dice.below(3)) }
        entries[key] = dice.bytes(dice.below(30))
      }
      var builder = IndexBlockBuilder()
      let sorted = entries.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      let base = IndexRecord(Make.page(dice.id(), birth: 7))
      if dice.chance(50) { _ = builder.base(for: base) }
      let held = builder.base(for: IndexRecord(tombstone: dice.id(), sequence: 1))
      for (key, value) in sorted { builder.add(key, value) }
      let size = builder.byteCount
      let payload = builder.finish()
      #expect(payload.count == size)
      let block = try #require(IndexBlock(payload))
      #expect(block.base == held && [RecordBase(), RecordBase(base)].contains(held))
      for (key, value) in sorted { #expect(find(block, key) == value, dice.comment) }
      for _ in 0..<200 {
        let key = (0...dice.below(12)).map { _ in UInt8(dice.below(3)) }
        #expect(find(block, key) == entries[key], dice.comment)
      }
      var cursor = IndexBlockCursor(block)
      for (key, value) in sorted {
        let stepped = cursor.next()
        #expect(stepped && cursor.key == key, dice.comment)
        #expect(Array(block.bytes[cursor.value]) == value)
      }
      let goesOn = cursor.next()
      #expect(!goesOn)
      nextEntries(of: block, sorted.map(\.key), &dice)
    }
  }

  /// Behind each key stands the next and no other.
  private func nextEntries(of block: IndexBlock, _ keys: [[UInt8]], _ dice: inout Dice) {
    for (index, key) in keys.enumerated() {
      guard let value = block.find(key) else { continue }
      let next = index + 1 < keys.count ? keys[index + 1] : nil
      if let next {
        let found = block.find(next, at: value.upperBound, behind: key)
        #expect(found == block.find(next), dice.comment)
      }
      for other in keys + [key + [0], Array(key.dropLast())] where other != next {
        #expect(block.find(other, at: value.upperBound, behind: key) == nil, dice.comment)
      }
    }
  }

  @Test func `a page's successor is found by its digest alone`() throws {
    var dice = Dice()
    let ids = Make.chain(Limits.windowPages, &dice)
    let place = WindowPlace(firstAfter: .zero)
    var key: [UInt8] = []
    IndexKey.appendPath(PageName(namespace: 1, id: ids[0]), at: place, to: &key)
    var keys = [key]
    for id in ids.dropFirst() {
      IndexKey.appendDigest(id, to: &key)
      keys.append(key)
    }
    var builder = IndexBlockBuilder()
    for (index, key) in keys.enumerated() { builder.add(key, [UInt8(index), 5]) }
    let block = try #require(IndexBlock(builder.finish()))
    for (index, key) in keys.enumerated() {
      let end = try #require(block.find(key)).upperBound
      for (other, id) in ids.enumerated() {
        let found = block.value(at: end, extending: key.count, by: id)
        // A restart point holds its key whole: there the way by the key is taken.
        let isNext = other == index + 1 && other % TableFormat.restartInterval != 0
        #expect(found == (isNext ? block.find(keys[other]) : nil), "\(index), \(other)")
      }
      #expect(block.value(at: end, extending: key.count + 3, by: ids[min(index + 1, 31)]) == nil)
    }
  }

  @Test func `garbage and damaged blocks are refused or searched, never worse`() {
    var dice = Dice()
    var builder = IndexBlockBuilder()
    for number in 0..<40 { builder.add([1, UInt8(number)], [UInt8](repeating: 7, count: number)) }
    let whole = builder.finish()
    for round in 0..<4000 {
      var bytes = round % 2 == 0 ? whole : dice.bytes(dice.below(200))
      for _ in 0...dice.below(3) where !bytes.isEmpty {
        bytes[dice.below(bytes.count)] = UInt8(dice.below(256))
      }
      if dice.chance(20) { bytes.removeLast(min(bytes.count, dice.below(9))) }
      guard let block = IndexBlock(bytes) else { continue }
      for number in 0..<40 { _ = block.find([1, UInt8(number)]) }
      var cursor = IndexBlockCursor(block)
      while cursor.next() {}
    }
  }

  @Test func `keys that do not rise are a programmer's error`() async {
    await #expect(processExitsWith: .failure) {
      var builder = IndexBlockBuilder()
      builder.add([2], [])
      builder.add([2], [])
    }
  }
}
