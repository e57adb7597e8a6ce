// What the tests of index and manifest share: a seeded generator, pages, chains with every kind of
// hint, and an index on a file system in memory.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

#if canImport(Glibc)
  import Glibc
#endif

/// SplitMix64. `VARVE_SEED` replays a run; the seed is in every message of `Comment(seed)`.
struct Dice: RandomNumberGenerator {
  let seed: UInt64
  private var state: UInt64

  init(_ salt: UInt64 = 0) {
    let given = unsafe getenv("VARVE_SEED").flatMap { unsafe UInt64(String(cString: $0)) }
    seed = given ?? UInt64.random(in: 1..<1 << 48)
    state = seed &+ salt &* 0x9E37_79B9_7F4A_7C15
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
  }

  mutating func id() -> PageID { PageID(next(), next(), next(), next()) }
  var comment: Comment { "VARVE_SEED=\(seed)" }
}

enum Make {
  static func location(_ segment: UInt64 = 1, offset: UInt32 = 4096) -> Location {
    Location(
      segment: segment, offset: offset, rawBytes: 1 << 20, storedBytes: 1 << 20,
      checksum: 0x0123_4567_89AB_CDEF)
  }

  static func page(
    _ id: PageID, namespace: UInt32 = 1, birth: UInt64, segment: UInt64 = 1,
    offset: UInt32 = 4096, at place: WindowPlace = WindowPlace(firstAfter: .zero)
  ) -> PageRecord {
    PageRecord(
      name: PageName(namespace: namespace, id: id), birth: birth,
      location: location(segment, offset: offset), putMillis: 1_700_000_000_000 &+ birth,
      expirySeconds: 0, place: place)
  }

  /// Places of a chain put whole from its root.
  static func places(_ ids: [PageID], after last: PageID = .zero) -> [WindowPlace] {
    var place = WindowPlace(firstAfter: last)
    return ids.map { id in
      let here = place
      place = place.next(after: id)
      return here
    }
  }

  static func chain(_ count: Int, _ dice: inout Dice) -> [PageID] {
    (0..<count).map { _ in dice.id() }
  }

  static func id(_ number: UInt8) -> PageID {
    PageID([UInt8](repeating: number, count: 32).rawSpan)
  }
}

/// A snapshot that can be flushed and merged, on files in memory.
final class TestIndex {
  let files: MemoryFileSystem
  let directory: TableDirectory
  let ledger = MemoryLedger(limitBytes: 64 << 20)
  var snapshot: IndexSnapshot
  var nextNumber: UInt64 = 1

  init(cacheBytes: Int = 1 << 20, files: MemoryFileSystem = MemoryFileSystem()) throws {
    self.files = files
    try files.createDirectory("/tables")
    let cache = BlockCache(budgetBytes: cacheBytes, ledger: ledger)
    directory = TableDirectory(files, path: "/tables", cache: cache, ledger: ledger)
    snapshot = IndexSnapshot(
      memtables: [Memtable()], tables: [], counters: directory.counters)
  }

  var active: Memtable { snapshot.memtables[0] }

  func flush() throws {
    snapshot = snapshot.rotated()
    while snapshot.memtables.count > 1, let oldest = snapshot.memtables.last {
      let bound = oldest.tableBytesMax
      let summary = try TableBuilder.write(oldest, to: directory, number: nextNumber)
      nextNumber += 1
      if let summary { #expect(summary.fileBytes <= bound) }
      snapshot = snapshot.flushed(oldest, to: try summary.map { try directory.open($0) })
    }
  }

  @discardableResult
  func merge(
    _ plan: MergePlan, rules: Merge.Rules = Merge.Rules(dropTombstonesBelow: .max)
  ) throws -> MergeOutcome {
    let inputs = snapshot.tables.filter { plan.inputs.contains($0.summary) }
    let outcome = try #require(
      try Merge.run(plan, inputs, to: directory, number: nextNumber, rules: rules))
    nextNumber += 1
    let census = inputs.reduce(0) { $0 + ($1.properties.census?.byteCountMax ?? 0) }
    if let table = outcome.table {
      let most = plan.outputBytesMax(blockBytes: directory.blockBytes, censusBytes: census)
      #expect(table.fileBytes <= most)
    }
    let output = try outcome.table.map { try directory.open($0) }
    snapshot = snapshot.merged(inputs, to: output)
    for input in inputs { input.retire() }
    return outcome
  }

  /// The walk's answers.
  func walk(
    _ ids: [PageID], namespace: UInt32 = 1, from place: WindowPlace?,
    isLive: (IndexRecord) -> Bool = { _ in true }
  ) throws -> [PageRecord?] {
    var answers: [PageRecord?] = []
    try snapshot.walkPlaces(namespace: namespace, ids: ids[...], from: place, isLive: isLive) {
      #expect($0 == answers.count)
      answers.append($1)
      return true
    }
    return answers
  }

  /// The same walk of who does not want to know where pages stand.
  func records(
    _ ids: [PageID], namespace: UInt32 = 1, from place: WindowPlace?,
    isLive: (IndexRecord) -> Bool = { _ in true }
  ) throws -> [IndexRecord?] {
    var records: [IndexRecord?] = []
    try snapshot.walk(namespace: namespace, ids: ids[...], from: place, isLive: isLive) {
      #expect($0 == records.count)
      records.append($1)
      return true
    }
    return records
  }
}

/// The checkout, found from this file.
func checkoutFile(_ name: String, from file: String = #filePath) throws -> String {
  var root = parent(of: file)
  for _ in 0..<3 { root = parent(of: root) }
  return String(decoding: try PosixFileSystem().readAll(root + "/" + name), as: UTF8.self)
}

/// Bytes as documents show them: offset, sixteen bytes a line.
func indexHexDump(_ bytes: [UInt8]) -> String {
  var text = ""
  for start in stride(from: 0, to: bytes.count, by: 16) {
    let line = bytes[start..<min(start + 16, bytes.count)]
    let digits = line.map { ManifestFormat.hex(UInt64($0), digits: 2) }
    text +=
      ManifestFormat.hex(UInt64(start), digits: 6) + "  "
      + digits.joined(separator: " ") + "\n"
  }
  return text
}

/// The fenced block of a document that follows the line `<!-- golden NAME -->`.
func golden(_ name: String, in document: String) throws -> String {
  let text = try checkoutFile(document)
  let parts = text.split(separator: "<!-- golden \(name) -->\n```\n", maxSplits: 1)
  let behind = try #require(parts.count == 2 ? parts[1] : nil, "no golden \(name) in \(document)")
  return String(behind.prefix(upTo: try #require(behind.firstRange(of: "```")).lowerBound))
}
