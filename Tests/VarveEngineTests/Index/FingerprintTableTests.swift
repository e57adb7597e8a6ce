// The fingerprint table: what it may never say (absent of a page that is there), how often it errs
// the other way, and what it costs.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

@Suite struct FingerprintTableTests {
  private func table(pages: Int = 0, ledger: MemoryLedger? = nil) throws -> FingerprintTable {
    try #require(FingerprintTable(pages: pages, ledger: ledger))
  }

  private func states(_ table: FingerprintTable, _ hashes: [UInt64]) -> [Fingerprint] {
    var states: [Fingerprint] = []
    table.find(hashes[...], into: &states)
    return states
  }

  private func entries(_ hashes: [UInt64], segment: UInt64) -> [FingerprintEntry] {
    hashes.map { FingerprintEntry(hash: $0, segment: segment) }
  }

  @Test func `an empty table knows that everything is absent`() throws {
    var dice = Dice(1)
    let table = try table()
    let hashes = (0..<2000).map { _ in dice.next() }
    #expect(states(table, hashes).allSatisfy { $0 == .absent })
    #expect(states(table, []).isEmpty)
    table.checkInvariants()
  }

  @Test func `what lies in live segments is never absent, what lies in dead ones always`() throws {
    var dice = Dice(2)
    let table = try table()
    var live: [UInt64: [UInt64]] = [:]
    var dead: [UInt64] = []
    var next: UInt64 = 1
    for round in 0..<400 {
      if live.count < 3 || dice.chance(30) {
        table.add(segment: next)
        live[next] = []
        next += 1
      }
      let segment = try #require(live.keys.randomElement(using: &dice))
      if dice.chance(12), live.count > 2 {
        table.remove(segment: segment)
        dead += live.removeValue(forKey: segment) ?? []
      } else {
        let hashes = (0..<dice.below(700)).map { _ in dice.next() }
        #expect(table.insert(entries(hashes, segment: segment)[...]))
        live[segment, default: []] += hashes
      }
      if round % 20 == 0 { table.checkInvariants() }
    }
    table.checkInvariants()
    for (segment, hashes) in live {
      let missing = states(table, hashes).count { $0 == .absent }
      #expect(missing == 0, "segment \(segment), \(dice.comment)")
    }
    let wrong = states(table, dead).count { $0 != .absent }
    #expect(wrong <= 1, "\(wrong) of \(dead.count) dead names, \(dice.comment)")
  }

  @Test func `a copy in a segment that is gone is left out`() throws {
    let table = try table()
    table.add(segment: 7)
    table.remove(segment: 7)
    #expect(table.insert(entries([1, 2, 3], segment: 7)[...]))
    #expect(states(table, [1, 2, 3]) == [.absent, .absent, .absent])
    #expect(table.numbers.entries == 0)
  }

  @Test func `names that share a bucket overflow and are all found`() throws {
    let table = try table()
    table.add(segment: 1)
    // One shard, stored bits that differ in their last digits alone: one bucket is home to all.
    let hashes = (0..<500 as Range<UInt64>).map { 0xABC << 52 | 0x8000_0000 << 20 | $0 << 20 }
    for hash in hashes { #expect(table.insert(entries([hash], segment: 1)[...])) }
    #expect(states(table, hashes).allSatisfy { $0 == .maybe })
    let others = (500..<1000 as Range<UInt64>).map { 0xABC << 52 | 0x8000_0000 << 20 | $0 << 20 }
    #expect(states(table, others).allSatisfy { $0 == .absent })
    table.checkInvariants()
  }

  @Test func `a full shard holds its entries near their places, in hash order`() {
    var dice = Dice(9)
    let heap = HugeHeap(firstBytes: 1)
    var shard = FingerprintShard(buckets: 1000, on: heap)
    defer { shard.free(on: heap) }
    var stored: [UInt32] = []
    while !shard.isFull {
      stored.append(UInt32(truncatingIfNeeded: dice.next()))
      shard.insert(stored[stored.count - 1], slot: 0)
    }
    #expect(stored.count == 8000)
    var visited: [UInt32] = []
    shard.forEach { stored, _ in visited.append(stored) }
    #expect(visited.sorted() == stored.sorted())
    // Within a bucket in any order, and where buckets overflow some of them further on.
    let ordered = stored.sorted()
    let far = zip(visited, ordered).count { max($0, $1) - min($0, $1) > UInt32.max / 100 }
    #expect(far < 80, "\(far) of 8000 entries are ten buckets from where they belong")
  }

  @Test func `one name may have many copies`() throws {
    let table = try table()
    for segment in 1...60 as ClosedRange<UInt64> {
      table.add(segment: segment)
      #expect(table.insert(entries([42], segment: segment)[...]))
    }
    for segment in 1..<60 as Range<UInt64> {
      table.remove(segment: segment)
      #expect(states(table, [42]) == [.maybe])
    }
    table.remove(segment: 60)
    #expect(states(table, [42]) == [.absent])
    table.checkInvariants()
  }

  @Test func `a slot is used again only when no entry bears it`() throws {
    var dice = Dice(3)
    let table = try table()
    let old = (0..<3000).map { _ in dice.next() }
    table.add(segment: 1)
    #expect(table.insert(entries(old, segment: 1)[...]))
    table.remove(segment: 1)
    // Every slot there is but the dead one: the next has to wait for a sweep.
    for segment in 2...UInt64(FingerprintSlots.countMax) { table.add(segment: segment) }
    let late = UInt64(FingerprintSlots.countMax) + 1
    table.add(segment: late)
    let hashes = (0..<100).map { _ in dice.next() }
    #expect(table.insert(entries(hashes, segment: late)[...]))
    #expect(states(table, hashes).allSatisfy { $0 == .askIndex }, "no slot: ask the index")
    #expect(states(table, old).allSatisfy { $0 == .absent }, dice.comment)
    #expect(table.sweepIfNeeded())
    table.checkInvariants()
    let again = late + 1
    table.add(segment: again)
    #expect(table.insert(entries(hashes.map { $0 &+ 1 << 40 }, segment: again)[...]))
    #expect(states(table, hashes.map { $0 &+ 1 << 40 }).allSatisfy { $0 == .maybe })
    #expect(states(table, old).allSatisfy { $0 == .absent }, "the old segment's pages came back")
    table.checkInvariants()
  }

  @Test func `a page costs 8 to 10 bytes, filled at once or grown`() throws {
    var dice = Dice(4)
    let hashes = (0..<400_000).map { _ in dice.next() }
    for pages in [0, hashes.count] {
      let ledger = MemoryLedger(limitBytes: 64 << 20)
      let table = try table(pages: pages, ledger: ledger)
      let empty = try #require(FingerprintTable(pages: 0, ledger: nil)).numbers.bytes
      table.add(segment: 1)
      #expect(table.insert(entries(hashes, segment: 1)[...]))
      let bytes = table.numbers.bytes
      #expect(ledger.bytes(of: .fingerprints) == bytes)
      let each = Double(bytes - empty) / Double(hashes.count)
      // Shards of a hundred entries are rounded up by a bucket more often than large ones.
      #expect(each > 7 && each < 11, "\(each) bytes a page, \(pages) expected")
      if pages > 0 { #expect(table.numbers.shardRebuilds < FingerprintTable.shardCount / 100) }
      table.checkInvariants()
    }
  }

  @Test func `a name that is not there is taken for one in less than a thousandth`() throws {
    var dice = Dice(5)
    let table = try table()
    table.add(segment: 1)
    #expect(table.insert(entries((0..<200_000).map { _ in dice.next() }, segment: 1)[...]))
    let wrong = states(table, (0..<200_000).map { _ in dice.next() }).count { $0 != .absent }
    // 2e5 × 2e5 / 2^44 is 0.002 in all.
    #expect(wrong <= 2, "\(wrong) of 200,000, \(dice.comment)")
  }

  @Test func `what turns over does not grow`() throws {
    var dice = Dice(6)
    let table = try table()
    var bytesFull = 0
    for segment in 1...120 as ClosedRange<UInt64> {
      table.add(segment: segment)
      let hashes = (0..<4000).map { _ in dice.next() }
      #expect(table.insert(entries(hashes, segment: segment)[...]))
      if segment > 20 { table.remove(segment: segment - 20) }
      if segment == 30 { bytesFull = table.numbers.bytes }
    }
    let bytes = table.numbers.bytes
    #expect(bytes < bytesFull + bytesFull / 3, "\(bytes) bytes, \(bytesFull) when first full")
    table.checkInvariants()
  }

  @Test func `without room in the ledger it says so and holds nothing back`() throws {
    var dice = Dice(7)
    let empty = try table().numbers.bytes
    for (limit, fits) in [(empty - 1, false), (empty, true)] {
      let ledger = MemoryLedger(limitBytes: limit)
      let made = FingerprintTable(pages: 0, ledger: ledger)
      #expect((made != nil) == fits)
      guard let made else { continue }
      made.add(segment: 1)
      #expect(!made.insert(entries((0..<50_000).map { _ in dice.next() }, segment: 1)[...]))
      made.checkInvariants()
    }
    let ledger = MemoryLedger(limitBytes: 64 << 20)
    do {
      let made = try table(ledger: ledger)
      made.add(segment: 1)
      #expect(made.insert(entries((0..<50_000).map { _ in dice.next() }, segment: 1)[...]))
    }
    #expect(ledger.totalBytes == 0)
  }

  @Test func `readers find what is there while shards grow and segments go`() throws {
    var dice = Dice(8)
    let table = try table()
    let kept = (0..<5000).map { _ in dice.next() }
    table.add(segment: 1)
    #expect(table.insert(entries(kept, segment: 1)[...]))
    let ends = Locked(false)
    let misses = Locked(0)
    let threads = (0..<2).map { _ in
      NamedThread("reader") {
        var states: [Fingerprint] = []
        while !ends.withLock({ $0 }) {
          table.find(kept[...], into: &states)
          let wrong = states.count { $0 == .absent }
          misses.withLock { $0 += wrong }
        }
      }
    }
    for segment in 2...40 as ClosedRange<UInt64> {
      table.add(segment: segment)
      let hashes = (0..<2000).map { _ in dice.next() }
      #expect(table.insert(entries(hashes, segment: segment)[...]))
      if segment > 10 { table.remove(segment: segment - 8) }
    }
    ends.withLock { $0 = true }
    for thread in threads { thread.join() }
    #expect(misses.withLock { $0 } == 0, dice.comment)
    table.checkInvariants()
  }
}
