// The fingerprint table in the engine: it decides what is read, and never what is answered.

import Testing
import VarveFile

@testable import VarveBase
@testable import VarveEngine

@Suite struct EngineFingerprintTests {
  private func blockReads(_ store: TestStore) -> UInt64 {
    store.engine.index.indexCounters.blockReads.current
  }

  private func probes(_ store: TestStore) -> UInt64 {
    let counters = store.engine.index.indexCounters
    return counters.idProbes.current + counters.pathProbes.current
  }

  private func pages(_ seed: UInt64, _ count: Int, bytes: Int = 300) -> [TestPage] {
    chain(seed, count).map { TestPage($0, bytes: bytes) }
  }

  @Test func `a run that does not begin is answered without asking the index`() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    for seed in 1...5 as ClosedRange<UInt64> {
      _ = try store.put(pages(seed, 100), namespace: namespace)
    }
    try store.engine.flush()
    try store.reopen()
    let readsBefore = blockReads(store)
    for seed in 10...40 as ClosedRange<UInt64> {
      let slice = store.whole(pages(seed, 512), namespace)
      #expect(try store.engine.lookup(slice, exact: false) == LookupAnswer())
      #expect(try store.engine.lookup(slice, exact: true) == LookupAnswer())
      #expect(try store.get(slice).isEmpty)
    }
    #expect(probes(store) == 0 && blockReads(store) == readsBefore)
  }

  @Test func `a hit of any length reads the block of its last page`() throws {
    var configuration = TestStore.configuration()
    configuration.blockCacheBytes = 0
    let store = try TestStore(configuration)
    let namespace = try store.namespace()
    let stored = pages(1, 1000)
    _ = try store.put(stored, namespace: namespace)
    try store.engine.flush()
    for count in [1, 31, 32, 512, 1000] {
      let slice = store.whole(Array(stored.prefix(count)), namespace)
      let before = blockReads(store)
      let answer = try store.engine.lookup(slice, wantPresent: true, exact: false)
      #expect(answer.hitPages == count && answer.hitBytes == UInt64(300 * count))
      #expect(blockReads(store) - before == 1, "\(count) pages")
    }
  }

  @Test func `pages of several lengths are summed by the index`() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let first = pages(1, 40)
    let second = pages(2, 40, bytes: 301)
    _ = try store.put(first, namespace: namespace)
    let slice = store.whole(first, namespace)
    #expect(try store.engine.lookup(slice, exact: false).hitBytes == 12_000)
    _ = try store.put(second, namespace: namespace)
    try store.engine.flush()
    for _ in 0..<2 {
      #expect(try store.engine.lookup(slice, exact: false).hitBytes == 12_000)
      let other = store.whole(second, namespace)
      #expect(try store.engine.lookup(other, exact: false).hitBytes == 12_040)
      try store.reopen()
    }
  }

  @Test func `a deleted page is absent at once and after every restart`() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let stored = pages(1, 64)
    _ = try store.put(stored, namespace: namespace)
    try store.engine.flush()
    let gone = ChainSlice(
      namespace: namespace, ids: stored.map(\.id), first: 20, count: 3, atRoot: true)
    #expect(try store.engine.delete(gone) == 3)
    let slice = store.whole(stored, namespace)
    for round in 0..<4 {
      let answer = try store.engine.lookup(slice, wantPresent: true, exact: false)
      #expect(answer.hitPages == 20, "round \(round)")
      let present = (0..<64).filter { answer.present.bit($0) }
      #expect(present == Array(0..<20) + Array(23..<64), "round \(round)")
      #expect(store.engine.fingerprints.removedCount == 3, "round \(round)")
      if round == 0 { try store.engine.flush() }
      if round > 0 { try store.reopen() }
    }
    #expect(try store.put(stored, in: slice).count { $0 == .stored } == 3)
    #expect(try store.engine.lookup(slice, exact: false).hitPages == 64)
  }

  @Test func `more deleted names than it may keep end the table, not the answers`() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let stored = pages(1, 10)
    _ = try store.put(stored, namespace: namespace)
    let entries = (0..<UInt64(Limits.fingerprintRemovedMax + 1)).map {
      FingerprintEntry(hash: $0 &* 0x9E37_79B9_7F4A_7C15, segment: 1)
    }
    store.engine.fingerprints.insert(entries[...])
    store.engine.fingerprints.remove(hashes: Array(entries.dropLast().map(\.hash)))
    #expect(store.engine.fingerprints.isOn)
    for _ in 0..<2 where store.engine.fingerprints.isOn {
      // Told of twice as many, it looks for ones that can be forgotten and finds none.
      let more = (0..<UInt64(Limits.fingerprintRemovedMax)).map {
        ($0 + 1 << 40) &* 0x9E37_79B9_7F4A_7C15
      }
      store.engine.fingerprints.insert(more.map { FingerprintEntry(hash: $0, segment: 1) }[...])
      store.engine.fingerprints.remove(hashes: more)
    }
    #expect(!store.engine.fingerprints.isOn)
    #expect(store.ledger.bytes(of: .fingerprints) == 0)
    #expect(try store.engine.lookup(store.whole(stored, namespace), exact: false).hitPages == 10)
  }

  @Test func `a collision at the end of a run is found out`() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let all = pages(1, 60)
    _ = try store.put(Array(all.prefix(50)), namespace: namespace)
    try store.engine.flush()
    let slice = store.whole(all, namespace)
    for count in 1...5 {
      // As if another page of segment 1 had the same hash.
      let name = PageName(namespace: namespace, id: all[49 + count].id)
      let entry = FingerprintEntry(hash: FingerprintTable.hash(name), segment: 1)
      store.engine.fingerprints.insert([entry])
      for wantPresent in [false, true] {
        let answer = try store.engine.lookup(slice, wantPresent: wantPresent, exact: false)
        #expect(answer.hitPages == 50 && answer.hitBytes == 15_000, "\(count) collisions")
      }
      #expect(try store.get(slice).count == 50)
      #expect(try store.engine.lookup(slice, exact: true).hitPages == 50)
    }
    #expect(store.engine.fingerprints.wrong.current > 0)
    // And a put of such a page stores it.
    #expect(try store.put(all, in: slice).count { $0 == .stored } == 10)
  }

  @Test func `without memory for it the store is opened and answers by its index`() throws {
    let configuration = TestStore.configuration()
    let ledger = MemoryLedger(limitBytes: 60 << 20)
    let files = MemoryFileSystem()
    let stored = pages(1, 200)
    for limit in [60, 5] {
      // 5 MiB: arena and table heads alone, and a tenth of it is no table.
      let own = limit == 60 ? ledger : MemoryLedger(limitBytes: limit << 20)
      let engine = try Engine.open(
        configuration, files: files, clock: SystemClock(), ledger: own, logger: TestStore.logger)
      #expect(engine.fingerprints.isOn == (limit == 60))
      engine.close()
    }
    let store = try TestStore(configuration, files: files)
    let namespace = try store.namespace()
    _ = try store.put(stored, namespace: namespace)
    #expect(try store.hits(stored, namespace: namespace) == 200)
  }

  @Test func `a restart knows every page without reading its records`() throws {
    let store = try TestStore()
    let namespace = try store.namespace()
    let other = try store.namespace("other")
    for seed in 1...8 as ClosedRange<UInt64> {
      _ = try store.put(pages(seed, 150), namespace: seed % 2 == 0 ? namespace : other)
      if seed % 3 == 0 { try store.engine.flush() }
    }
    let before = try #require(store.engine.fingerprints.numbers)
    try store.reopen()
    let after = try #require(store.engine.fingerprints.numbers)
    #expect(before.entries == 1200 && after.entries == 1200)
    #expect(try store.engine.brokenInvariant() == nil)
  }
}
