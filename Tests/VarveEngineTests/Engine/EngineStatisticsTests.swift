// The store's numbers against an independent count: what the files hold, and what a model of the
// calls says must be there.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct EngineStatisticsTests {
  /// Blocks of every file under a folder.
  private func blocks(_ files: any FileSystem, _ folder: String) throws -> UInt64 {
    var total: UInt64 = 0
    for name in try files.list(folder) {
      let path = folder + "/" + name
      total +=
        try files.isDirectory(path) ? blocks(files, path) : try files.allocatedBytes(path)
    }
    return total
  }

  @Test(arguments: [StoreDisk.posixDirect, .memoryBuffered])
  func everyNumberAgreesWithTheFilesAndTheCalls(_ disk: StoreDisk) throws {
    let (files, folder, keep) = try disk.make()
    var configuration = TestStore.configuration(capacity: 40 << 20)
    configuration.directory = folder + "/store"
    configuration.directIO = disk == .posixDirect
    let store = try TestStore(configuration, files: files)
    var model = Model()
    for name in ["a", "b"] { model.ids[name] = try store.namespace(name) }
    for round in 0..<45 {
      let name = round % 3 == 0 ? "b" : "a"
      let id = try #require(model.ids[name])
      let pages = chain(UInt64(round + 1), 20).map { TestPage($0, bytes: 30_000 + round * 2000) }
      #expect(try store.put(pages, namespace: id).allSatisfy { $0 == .stored })
      model.put[name, default: []].append(pages)
      if round % 7 == 0 {
        let slice = ChainSlice(
          namespace: id, ids: pages.map(\.id), first: 17, count: 3, atRoot: true)
        #expect(try store.engine.delete(slice) == 3)
        model.deleted += 3
      }
      if round % 10 == 0 { try check(store, model, folder: folder + "/store") }
      if round % 20 == 19 { try store.engine.flush() }
    }
    try check(store, model, folder: folder + "/store")
    try store.engine.compact(namespace: nil, indexOnly: false) { _ in true }
    try check(store, model, folder: folder + "/store")
    #expect(store.engine.statistics().evictedPages > 0, "nothing was evicted: too small a test")
    #expect(try store.engine.dropNamespace(name: "b") > 0)
    model.ids["b"] = nil
    model.isDropped = true
    try check(store, model, folder: folder + "/store")
    withExtendedLifetime(keep) {}
  }

  private struct Model {
    var ids: [String: UInt32] = [:]
    var put: [String: [[TestPage]]] = [:]
    var deleted: UInt64 = 0
    var isDropped = false
  }

  /// Counts again where the engine's own threads sealed or evicted in the middle of it.
  private func check(_ store: TestStore, _ model: Model, folder: String) throws {
    let deadline = SystemClock().monotonicNanos() + 30_000_000_000
    while true {
      let before = store.engine.statistics()
      let problems = Result { try self.problems(store, before, model, folder) }
      if store.engine.statistics() == before {
        #expect(try problems.get() == [])
        return
      }
      guard SystemClock().monotonicNanos() < deadline else {
        Issue.record("the store never stood still")
        return
      }
    }
  }

  private func problems(
    _ store: TestStore, _ numbers: EngineStatistics, _ model: Model, _ folder: String
  ) throws -> [String] {
    var found: [String] = []
    func agree<Value: Equatable>(_ what: String, _ told: Value, _ counted: Value) {
      if told != counted { found.append("\(what): told \(told), counted \(counted)") }
    }
    agree("disk_bytes", numbers.diskBytes, try blocks(store.files, folder))
    agree("disk_bytes within what is reserved", numbers.diskBytes <= numbers.reservedBytes, true)
    agree("reserved within capacity", numbers.reservedBytes <= numbers.capacityBytes, true)
    agree("capacity", numbers.capacityBytes, 40 << 20)
    // By name, page for page, as a client would ask.
    var total = Held()
    var put = 0
    for (name, chains) in model.put {
      guard let id = model.ids[name] else { continue }
      var held = Held()
      for chain in chains {
        put += chain.count
        let present = try store.engine.lookup(store.whole(chain, id), wantPresent: true).present
        for (index, page) in chain.enumerated() where present[index / 8] >> (index % 8) & 1 == 1 {
          held.add(UInt64(page.bytes.count))
        }
      }
      let view = try #require(store.engine.namespace(id))
      agree("pages of \(name)", Held(pages: view.pages, bytes: view.bytes), held)
      total.pages += held.pages
      total.bytes += held.bytes
    }
    agree("pages", Held(pages: numbers.pages, bytes: numbers.pageBytes), total)
    if !model.isDropped {
      // A page deleted before its segment went is not evicted.
      let gone = UInt64(put) - total.pages
      let fits = numbers.evictedPages <= gone && numbers.evictedPages + model.deleted >= gone
      agree("evicted_pages \(numbers.evictedPages) for \(gone) gone", fits, true)
    }
    found += try segmentProblems(store, numbers, folder)
    return try found + levelProblems(store, numbers, folder)
  }

  private struct Held: Equatable {
    var pages: UInt64 = 0
    var bytes: UInt64 = 0

    mutating func add(_ count: UInt64) {
      pages += 1
      bytes += count
    }
  }

  private func segmentProblems(
    _ store: TestStore, _ numbers: EngineStatistics, _ folder: String
  ) throws -> [String] {
    let listings = try SegmentListing.list(store.files, directory: folder + "/segments")
    guard numbers.segments.map(\.id) == listings.map(\.number) else {
      return ["segments \(numbers.segments.map(\.id)), files \(listings.map(\.number))"]
    }
    var found: [String] = []
    let scanner = SegmentScanner(store.files, directory: folder + "/segments")
    for (segment, listing) in zip(numbers.segments, listings) {
      var live = Held()
      for extent in try scanner.scan(listing, check: .none).extents {
        for page in extent.pages {
          let slice = ChainSlice(
            namespace: page.name.namespace, ids: [page.name.id], first: 0, count: 1)
          guard (try? store.engine.lookup(slice).hitPages) == 1 else { continue }
          live.add(UInt64(page.location.rawBytes))
        }
      }
      let isSealed = if case .sealed = listing.state { true } else { false }
      let counted = SegmentStatistics(
        id: listing.number, state: isSealed ? "sealed" : segment.state,
        bytes: listing.allocatedBytes, liveBytes: live.bytes, pages: live.pages,
        score: Double(live.bytes) / Double(listing.allocatedBytes))
      if segment != counted { found.append("told \(segment), counted \(counted)") }
    }
    return found
  }

  private func levelProblems(
    _ store: TestStore, _ numbers: EngineStatistics, _ folder: String
  ) throws -> [String] {
    let tables = try ManifestStore.read(store.files, directory: folder).tables
    var bytes: UInt64 = 0
    for name in try store.files.list(folder + "/tables") {
      bytes += try store.files.size(folder + "/tables/" + name)
    }
    guard numbers.levels.count == 1, let level = numbers.levels.first else {
      return ["\(numbers.levels.count) levels"]
    }
    var found: [String] = []
    if level.runs != tables.count { found.append("runs \(level.runs), tables \(tables.count)") }
    let entries = tables.reduce(0) { $0 + $1.counts.records }
    if level.entries != entries { found.append("entries \(level.entries), counted \(entries)") }
    if level.bytes != bytes { found.append("bytes \(level.bytes), counted \(bytes)") }
    let isFiltered = level.runs == 0 ? level.filterBytes == 0 : level.filterBytes > 0
    if !isFiltered || level.filterBytes > bytes { found.append("filters \(level.filterBytes)") }
    return found
  }
}
