// The bound is never passed, the oldest leave first, and what left is a miss at once.

import Testing
import VarveBase
import VarveEngine
import VarveFile

@Suite struct EngineCapacityTests {
  /// Bytes of the blocks of every file under the data directory.
  func diskBytes(_ files: any FileSystem) throws -> UInt64 {
    var total: UInt64 = 0
    func add(_ directory: String) throws(FileError) {
      for name in try files.list(directory) {
        let path = directory + "/" + name
        do throws(FileError) {
          if try files.isDirectory(path) {
            try add(path)
          } else {
            total += try files.allocatedBytes(path)
          }
        } catch {
          // The background may have removed it since it was listed.
          if !error.isNotFound { throw error }
        }
      }
    }
    try add("/data")
    return total
  }

  @Test func aStoreTurnedOverManyTimesStaysWithinItsCapacity() throws {
    let capacity: UInt64 = 40 << 20
    let store = try TestStore(TestStore.configuration(capacity: capacity))
    let namespace = try store.namespace()
    var rounds: [[TestPage]] = []
    for round in 0..<100 {
      let pages = chain(UInt64(100 + round), 20).map { TestPage($0, bytes: 100_000) }
      let outcomes = try store.put(pages, namespace: namespace)
      #expect(outcomes.allSatisfy { $0 == .stored }, "round \(round): \(outcomes)")
      rounds.append(pages)
      #expect(try diskBytes(store.files) <= capacity, "round \(round)")
      #expect(store.engine.statistics().diskBytes <= capacity)
    }
    let present = try rounds.map { try store.hits($0, namespace: namespace) }
    #expect(present.last == 20 && present.first == 0)
    // First in, first out: behind the first round that is there, every one is whole.
    let first = try #require(present.firstIndex { $0 > 0 })
    #expect(present[(first + 1)...].allSatisfy { $0 == 20 }, "\(present)")
    let numbers = store.engine.statistics()
    #expect(numbers.evictedPages + numbers.pages == 2000)
    #expect(numbers.pageBytes == numbers.pages * 100_000)
    for (round, pages) in rounds.enumerated() where present[round] == 20 {
      #expect(try store.get(pages, namespace: namespace) == pages.map(\.bytes))
    }
    try store.reopen()
    #expect(try rounds.map { try store.hits($0, namespace: namespace) } == present)
    #expect(store.engine.statistics().pages == numbers.pages)
  }

  @Test func theLeastCapacityIsEightSegments() throws {
    let segment: UInt32 = 4 << 20
    #expect(throws: EngineOpenError.self) {
      _ = try TestStore(TestStore.configuration(capacity: UInt64(segment) * 8 - 1))
    }
    let store = try TestStore(TestStore.configuration(capacity: UInt64(segment) * 8))
    let namespace = try store.namespace()
    for round in 0..<40 {
      let pages = chain(UInt64(round), 10).map { TestPage($0, bytes: 200_000) }
      #expect(try store.put(pages, namespace: namespace).allSatisfy { $0 == .stored })
      #expect(try diskBytes(store.files) <= UInt64(segment) * 8)
    }
  }

  @Test func aLoweredCapacityIsObeyedAtTheNextStart() throws {
    let store = try TestStore(TestStore.configuration(capacity: 80 << 20))
    let namespace = try store.namespace()
    for round in 0..<30 {
      let pages = chain(UInt64(round), 20).map { TestPage($0, bytes: 100_000) }
      _ = try store.put(pages, namespace: namespace)
    }
    store.configuration.capacityBytes = 40 << 20
    try store.reopen()
    #expect(try diskBytes(store.files) <= 40 << 20)
    let last = chain(29, 20).map { TestPage($0, bytes: 100_000) }
    #expect(try store.hits(last, namespace: namespace) == 20)
  }

  @Test func clearAndDropEmptyANamespaceAtOnce() throws {
    let store = try TestStore()
    let namespace = try store.namespace("a")
    let other = try store.namespace("b")
    let pages = chain(1, 10).map { TestPage($0, bytes: 10_000) }
    _ = try store.put(pages, namespace: namespace)
    _ = try store.put(pages, namespace: other)
    #expect(try store.engine.clearNamespace(name: "a") == 10)
    #expect(throws: EngineError.namespaceUnknown) { try store.hits(pages, namespace: namespace) }
    let again = try store.namespace("a")
    #expect(again != namespace)
    #expect(try store.hits(pages, namespace: again) == 0)
    #expect(try store.hits(pages, namespace: other) == 10)
    #expect(try store.engine.dropNamespace(name: "b") == 10)
    #expect(throws: EngineError.namespaceUnknown) { try store.engine.dropNamespace(name: "b") }
    try store.reopen()
    #expect(store.engine.namespaces().map(\.name) == ["a"])
    #expect(try store.hits(pages, namespace: again) == 0)
    #expect(store.engine.statistics().pages == 0)
  }
}
