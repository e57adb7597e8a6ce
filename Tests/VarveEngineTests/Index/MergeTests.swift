// Merges: what is kept, what goes and why, and how they end.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

@Suite struct MergeTests {
  private let root = WindowPlace(firstAfter: .zero)

  private func name(_ number: UInt8, _ namespace: UInt32 = 1) -> PageName {
    PageName(namespace: namespace, id: Make.id(number))
  }

  /// Oldest table: pages 1, 2, 3 (namespace 1) and 1 (namespace 2); newer: 2 deleted, 3 again.
  private func twoTables() throws -> TestIndex {
    let index = try TestIndex()
    for number in UInt8(1)...3 {
      index.active.insert(Make.page(Make.id(number), birth: UInt64(number), segment: 1))
    }
    index.active.insert(Make.page(Make.id(1), namespace: 2, birth: 4, segment: 2))
    try index.flush()
    index.active.delete(Tombstone(name: name(2), sequence: 5, place: root))
    index.active.insert(Make.page(Make.id(3), birth: 6, segment: 3))
    try index.flush()
    return index
  }

  private func plan(_ index: TestIndex, isBottom: Bool = true) -> MergePlan {
    MergePlan(inputs: index.snapshot.tables.map(\.summary), isBottom: isBottom)
  }

  @Test func `at the bottom the newest stays, tombstones and the dead go`() throws {
    let index = try twoTables()
    let outcome = try index.merge(
      plan(index),
      rules: Merge.Rules(
        drop: { namespace, record in
          namespace == 2 ? .namespaceRetired : record.location.segment == 3 ? .deadSegment : nil
        }, dropTombstonesBelow: 6))
    #expect(outcome.recordsIn == 12 && outcome.recordsOut == 2 && outcome.superseded == 4)
    #expect(outcome.tombstonesDropped == 2 && outcome.dropped == [2, 2, 0])
    #expect(try index.snapshot.find(name(1)) != .absent)
    for gone in [name(2), name(3), name(1, 2)] {
      #expect(try index.snapshot.find(gone) == .absent)
    }
    let table = try #require(outcome.table)
    #expect(table.order == 2 && table.number == 3 && table.counts.pages == 1)
    #expect(try index.files.list("/tables") == ["0000000000000003.sst"])
  }

  @Test func `a tombstone stays while an older copy may still come`() throws {
    for (below, dropped) in [(UInt64(5), UInt64(0)), (6, 2), (0, 0)] {
      let index = try twoTables()
      let outcome = try index.merge(plan(index), rules: Merge.Rules(dropTombstonesBelow: below))
      #expect(outcome.tombstonesDropped == dropped)
      let answer = try index.snapshot.find(name(2))
      #expect(answer == (dropped == 0 ? .deleted(sequence: 5) : .absent))
    }
  }

  @Test func `above the bottom only retired namespaces go`() throws {
    let index = try twoTables()
    let outcome = try index.merge(
      plan(index, isBottom: false),
      rules: Merge.Rules(
        drop: { namespace, _ in namespace == 2 ? .namespaceRetired : .deadSegment },
        dropTombstonesBelow: .max))
    #expect(outcome.dropped == [0, 2, 0] && outcome.tombstonesDropped == 0)
    #expect(try index.snapshot.find(name(2)) == .deleted(sequence: 5))
  }

  @Test func `a merge that keeps nothing makes no file`() throws {
    let index = try twoTables()
    let outcome = try index.merge(
      plan(index),
      rules: Merge.Rules(drop: { _, _ in .deadSegment }, dropTombstonesBelow: .max))
    #expect(outcome.table == nil && outcome.recordsOut == 0)
    #expect(try index.files.list("/tables").isEmpty && index.snapshot.tables.isEmpty)
  }

  @Test func `a merge that is told to stop leaves nothing behind`() throws {
    var dice = Dice()
    let index = try TestIndex()
    for number in 1...6000 { index.active.insert(Make.page(dice.id(), birth: UInt64(number))) }
    try index.flush()
    var asked = 0
    let outcome = try Merge.run(
      plan(index), index.snapshot.tables, to: index.directory, number: 9,
      rules: Merge.Rules(dropTombstonesBelow: 0),
      keepOn: {
        #expect($0 >= Limits.tableWriteBytes)
        asked += 1
        return asked < 2
      })
    #expect(outcome == nil && asked == 2)
    #expect(try index.files.list("/tables") == ["0000000000000001.sst"])
  }

  @Test func `a damaged input ends the merge with its evidence and no file`() throws {
    let index = try twoTables()
    index.files.flipBit(8 * 40, of: "/tables/0000000000000001.sst")
    #expect(throws: IndexError.self) { try index.merge(plan(index)) }
    #expect(try index.files.list("/tables").count == 2)
    #expect(index.snapshot.tables.count == 2)
  }

  @Test func `bounds hold for chains of any shape`() throws {
    var dice = Dice()
    for _ in 0..<6 {
      let index = try TestIndex()
      var birth: UInt64 = 0
      for _ in 0..<4 {
        for _ in 0..<dice.below(20) + 1 {
          let chain = Make.chain(1 + dice.below(70), &dice)
          for (id, place) in zip(chain, Make.places(chain, after: dice.id())) {
            birth += 1 + UInt64(dice.below(1 << 30))
            index.active.insert(Make.page(id, birth: birth, segment: dice.next(), at: place))
          }
        }
        // The flush and the merge compare what they wrote with the bound given before.
        try index.flush()
      }
      try index.merge(plan(index))
      try #require(index.snapshot.tables.first).verify()
    }
  }
}
