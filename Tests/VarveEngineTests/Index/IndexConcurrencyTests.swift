// Readers hold snapshots while memtables are flushed and tables merged, retired and removed.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

@Suite struct IndexConcurrencyTests {
  private struct Shared {
    var snapshot: IndexSnapshot
    /// Pages that every snapshot from now on must find.
    var known = 0
    var isDone = false
  }

  @Test func `what was inserted before a snapshot was taken is always found`() async throws {
    var dice = Dice()
    let ids = Make.chain(3000, &dice)
    let places = Make.places(ids)
    let files = MemoryFileSystem()
    try files.createDirectory("/tables")
    let directory = TableDirectory(
      files, path: "/tables", cache: BlockCache(budgetBytes: 64 << 10))
    let shared = Locked(
      Shared(
        snapshot: IndexSnapshot(
          memtables: [Memtable()], tables: [], counters: directory.counters)))
    let box = Box(shared)
    let walks = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<2 {
        group.addTask { try await Self.read(box, ids) }
      }
      group.addTask {
        defer { box.shared.withLock { $0.isDone = true } }
        try Self.write(box, directory, ids, places)
        return 0
      }
      return try await group.reduce(0, +)
    }
    #expect(walks > 0, dice.comment)
    #expect(try files.list("/tables").count == box.shared.withLock { $0.snapshot.tables.count })
  }

  /// A lock cannot be captured by two tasks; its owner can.
  private final class Box: Sendable {
    let shared: Locked<Shared>
    init(_ shared: consuming Locked<Shared>) { self.shared = shared }
  }

  /// Walks until the writer is done, giving way after each walk: on two cores the writer may have
  /// no thread of its own.
  private static func read(_ box: Box, _ ids: [PageID]) async throws -> Int {
    var walks = 0
    let end = SystemClock().monotonicNanos() + 300_000_000_000
    while true {
      await Task.yield()
      try #require(SystemClock().monotonicNanos() < end, "the writer did not end in 300 s")
      let (snapshot, known, isDone) = box.shared.withLock { ($0.snapshot, $0.known, $0.isDone) }
      var found = 0
      try snapshot.walk(
        namespace: 1, ids: ids[0..<known], from: WindowPlace(firstAfter: .zero),
        isLive: { _ in true },
        visit: { index, page in
          if page?.sequence == UInt64(index + 1) { found += 1 }
          return true
        })
      #expect(found == known)
      walks += 1
      if isDone { return walks }
    }
  }

  private static func write(
    _ box: Box, _ directory: TableDirectory, _ ids: [PageID], _ places: [WindowPlace]
  ) throws {
    var number: UInt64 = 1
    for start in stride(from: 0, to: ids.count, by: 100) {
      let full = box.shared.withLock { shared in
        for index in start..<start + 100 {
          shared.snapshot.memtables[0].insert(
            Make.page(ids[index], birth: UInt64(index + 1), at: places[index]))
        }
        shared.known = start + 100
        let full = shared.snapshot.memtables[0]
        shared.snapshot = shared.snapshot.rotated()
        return full
      }
      let made = try #require(try TableBuilder.write(full, to: directory, number: number))
      number += 1
      let table = try directory.open(made)
      box.shared.withLock { $0.snapshot = $0.snapshot.flushed(full, to: table) }
      let tables = box.shared.withLock { $0.snapshot.tables }
      let picker = Picker(tables.map(\.summary), IndexShape(sizeRatio: 2), flushBytes: 20_000)
      guard case .merge(let plan) = picker.pick() else { continue }
      let inputs = tables.filter { plan.inputs.contains($0.summary) }
      let outcome = try #require(
        try Merge.run(
          plan, inputs, to: directory, number: number,
          rules: Merge.Rules(dropTombstonesBelow: .max)))
      number += 1
      let merged = try outcome.table.map { try directory.open($0) }
      box.shared.withLock { $0.snapshot = $0.snapshot.merged(inputs, to: merged) }
      for table in inputs { table.retire() }
    }
  }
}
