// The memtable: sequences decide, tombstones go on covering old places, bytes are counted.

import Testing

@testable import VarveBase
@testable import VarveEngine

@Suite struct MemtableTests {
  private let root = WindowPlace(firstAfter: .zero)
  private let other = WindowPlace(firstAfter: Make.id(9))

  @Test func `the order of calls does not matter, the sequences do`() {
    let id = Make.id(1)
    let name = PageName(namespace: 1, id: id)
    let first = Make.page(id, birth: 1)
    let tombstone = Tombstone(name: name, sequence: 2, place: root)
    let second = Make.page(id, birth: 3, segment: 4)
    let forward = Memtable()
    #expect(forward.insert(first) && forward.delete(tombstone) && forward.insert(second))
    let backward = Memtable()
    #expect(backward.insert(second) && !backward.delete(tombstone) && !backward.insert(first))
    for memtable in [forward, backward] {
      #expect(memtable.find(name) == .page(second))
      #expect(memtable.minSequence == 1 && memtable.maxSequence == 3 && memtable.count == 1)
      memtable.checkInvariants()
    }
  }

  @Test func `a delete beats births before it and no others`() {
    let id = Make.id(1)
    let name = PageName(namespace: 1, id: id)
    let memtable = Memtable()
    memtable.insert(Make.page(id, birth: 7))
    let early = Tombstone(name: name, sequence: 6, place: root)
    #expect(!memtable.delete(early))
    let late = Tombstone(name: name, sequence: 8, place: root)
    #expect(memtable.delete(late))
    #expect(memtable.find(name) == .deleted(late))
    #expect(!memtable.insert(Make.page(id, birth: 7)))
  }

  @Test func `a moved copy keeps its birth and wins by its segment`() {
    let memtable = Memtable()
    memtable.insert(Make.page(Make.id(1), birth: 7, segment: 1))
    #expect(memtable.insert(Make.page(Make.id(1), birth: 7, segment: 2)))
    #expect(!memtable.insert(Make.page(Make.id(1), birth: 7, segment: 1)))
  }

  @Test func `a tombstone that a page elsewhere covers still goes to the table`() {
    let id = Make.id(1)
    let name = PageName(namespace: 1, id: id)
    let tombstone = Tombstone(name: name, sequence: 2, place: root)
    let elsewhere = Make.page(id, birth: 3, at: other)
    for inOrder in [true, false] {
      let memtable = Memtable()
      if inOrder { memtable.delete(tombstone) }
      memtable.insert(elsewhere)
      if !inOrder { memtable.delete(tombstone) }
      #expect(memtable.contents().pathTombstones == [tombstone])
      memtable.checkInvariants()
    }
    let same = Memtable()
    same.delete(tombstone)
    same.insert(Make.page(id, birth: 3, at: root))
    #expect(same.contents().pathTombstones.isEmpty)
  }

  @Test func `a batch is inserted as its pages one by one`() {
    let pages = [
      Make.page(Make.id(1), birth: 2), Make.page(Make.id(2), birth: 3),
      Make.page(Make.id(1), birth: 1),
    ]
    let memtable = Memtable()
    memtable.insert(contentsOf: pages)
    #expect(memtable.find(pages[0].name) == .page(pages[0]) && memtable.count == 2)
    memtable.checkInvariants()
  }

  @Test func `namespaces do not meet`() {
    let memtable = Memtable()
    memtable.insert(Make.page(Make.id(1), namespace: 1, birth: 1))
    #expect(memtable.find(PageName(namespace: 2, id: Make.id(1))) == nil)
    #expect(memtable.find(2, [Make.id(1)][...]) == [])
    #expect(memtable.find(1, [Make.id(2), Make.id(1)][...]).map { $0 == nil } == [true, false])
  }

  @Test func `counts hold through random work`() {
    var dice = Dice()
    let memtable = Memtable()
    let ids = Make.chain(20, &dice)
    for sequence in 1...500 {
      let id = ids[dice.below(20)]
      let place = dice.chance(50) ? root : other
      if dice.chance(40) {
        let name = PageName(namespace: 1, id: id)
        memtable.delete(Tombstone(name: name, sequence: UInt64(dice.below(sequence)), place: place))
      } else {
        memtable.insert(Make.page(id, birth: UInt64(dice.below(sequence)), at: place))
      }
    }
    memtable.checkInvariants()
    #expect(memtable.byteCount >= memtable.count * Memtable.entryBytes, dice.comment)
  }

  @Test func `inserting into a frozen memtable is a programmer's error`() async {
    await #expect(processExitsWith: .failure) {
      let memtable = Memtable()
      memtable.freeze()
      memtable.insert(Make.page(Make.id(1), birth: 1))
    }
  }
}
