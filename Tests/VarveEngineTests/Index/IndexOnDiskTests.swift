// Tables and manifest on the machine's own file system: the same calls, real files.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct IndexOnDiskTests {
  /// Runs `body` with a fresh directory, which is empty of files again afterwards.
  private func withDirectory(_ body: (PosixFileSystem, String) throws -> Void) throws {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    let random = UInt64.random(in: 0 ... .max)
    let path = "\(parent)/varve-index-\(ManifestFormat.hex(random, digits: 16))"
    let files = PosixFileSystem()
    defer {
      for directory in [path + "/tables", path] {
        for name in (try? files.list(directory)) ?? [] { try? files.remove(directory + "/" + name) }
        try? files.remove(directory)
      }
    }
    try files.createDirectory(path)
    try files.createDirectory(path + "/tables")
    try body(files, path)
  }

  @Test func `flush, merge, commit and reopen`() throws {
    try withDirectory { files, path in
      var dice = Dice()
      let ids = Make.chain(200, &dice)
      let directory = TableDirectory(
        files, path: path + "/tables", cache: BlockCache(budgetBytes: 1 << 20))
      let store = try ManifestStore.open(files, directory: path, createIfMissing: true)
      var snapshot = IndexSnapshot(
        memtables: [Memtable()], tables: [], counters: directory.counters)
      for (number, (id, place)) in zip(ids, Make.places(ids)).enumerated() {
        snapshot.memtables[0].insert(Make.page(id, birth: UInt64(number + 1), at: place))
        if number % 50 == 49 {
          let full = snapshot.memtables[0]
          snapshot = snapshot.rotated()
          let table = try #require(
            try TableBuilder.write(full, to: directory, number: store.state.nextFile))
          try store.commit([.addTable(table)])
          snapshot = snapshot.flushed(full, to: try directory.open(table))
        }
      }
      let plan = try #require(
        Picker(store.state.tables, IndexShape(), flushBytes: 4096).mergeAll())
      let outcome = try #require(
        try Merge.run(
          plan, snapshot.tables, to: directory, number: store.state.nextFile,
          rules: Merge.Rules(dropTombstonesBelow: .max)))
      let table = try #require(outcome.table)
      try store.commit(plan.inputs.map { .removeTable($0.number) } + [.addTable(table)])
      let inputs = snapshot.tables
      snapshot = snapshot.merged(inputs, to: try directory.open(table))
      for input in inputs { input.retire() }

      let again = try ManifestStore.open(files, directory: path, createIfMissing: false)
      #expect(again.state.tables == [table])
      let reopened = IndexSnapshot(
        memtables: [Memtable()], tables: try again.state.tables.map { try directory.open($0) },
        counters: directory.counters)
      var found = 0
      try reopened.walk(
        namespace: 1, ids: ids[...], from: WindowPlace(firstAfter: .zero), isLive: { _ in true },
        visit: { index, page in
          if page?.sequence == UInt64(index + 1) { found += 1 }
          return true
        })
      #expect(found == ids.count, dice.comment)
    }
  }
}
