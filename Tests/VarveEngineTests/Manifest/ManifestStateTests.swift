// Manifest edits: what they do, what is refused, and that their bytes come back.

import Testing

@testable import VarveBase
@testable import VarveEngine

enum MakeManifest {
  static func table(_ number: UInt64, order: UInt64? = nil) -> TableSummary {
    var counts = TableCounts()
    counts.records = 2 &* number
    counts.sequenceMin = 1
    counts.sequenceMax = number
    return TableSummary(number: number, order: order ?? number, fileBytes: 4096, counts: counts)
  }

  static func namespace(
    _ id: UInt32, _ name: String = "ns", tenant: String = "default", weight: UInt32 = 0
  )
    -> NamespaceEntry
  {
    var options = NamespaceOptions()
    options.pageTokens = 64
    options.pageBytesMax = 1 << 20
    options.ttlSeconds = 3600
    options.codec = 1
    options.weight = weight
    options.description = "a «description»"
    return NamespaceEntry(id: id, name: name, tenant: tenant, options: options)
  }

  static func sealed(_ number: UInt64) -> SegmentEntry {
    SegmentEntry(number: number, isSealed: true, bytes: 1 << 20, pages: 77, sequenceMax: 99)
  }

  /// Every kind of edit once, in an order that fits.
  static let everything: [ManifestEdit] = [
    .addSegment(1), .addSegment(2), .sealSegment(sealed(1)), .addTable(table(1)),
    .addTable(table(2)), .createNamespace(namespace(1, "first")),
    .createNamespace(namespace(2, "second")), .replayFrom(LogPosition(segment: 1, offset: 8192)),
    .lastBirth(1000), .nextFile(9), .nextSegment(7), .nextNamespace(5), .retireNamespace(1),
    .createNamespace(namespace(5, "first", weight: 100)),
    .setNamespace(namespace(2, "second", weight: 3)),
    .removeTable(1), .dropSegment(1),
  ]
}

@Suite struct ManifestStateTests {
  @Test func `edits add up`() throws {
    let state = try ManifestState().applying(MakeManifest.everything)
    state.checkInvariants()
    #expect(state.tables.map(\.number) == [2])
    #expect(state.segments.keys.sorted() == [2])
    #expect(state.namespaces.keys.sorted() == [2, 5])
    #expect(state.namespace(named: "first")?.id == 5)
    #expect(state.namespace(named: "first", tenant: "other") == nil)
    #expect(state.nextFile == 9 && state.nextSegment == 7 && state.nextNamespace == 6)
    #expect(state.lastBirth == 1000)
    #expect(state.replayFrom == LogPosition(segment: 1, offset: 8192))
  }

  @Test func `a snapshot makes the same state`() throws {
    let state = try ManifestState().applying(MakeManifest.everything)
    #expect(try ManifestState().applying(state.snapshot()) == state)
    let empty = ManifestState()
    #expect(try empty.applying(empty.snapshot()) == empty)
  }

  @Test func `numbers rise with what takes them`() throws {
    let state = try ManifestState().applying([
      .addTable(MakeManifest.table(41)), .addSegment(6),
      .createNamespace(MakeManifest.namespace(3)),
    ])
    #expect(state.nextFile == 42 && state.nextSegment == 7 && state.nextNamespace == 4)
  }

  @Test func `tables stand by age, not by number`() throws {
    let state = try ManifestState().applying([
      .addTable(MakeManifest.table(5)), .addTable(MakeManifest.table(6, order: 4)),
      .addTable(MakeManifest.table(3, order: 9)),
    ])
    #expect(state.tables.map(\.number) == [3, 5, 6])
  }

  @Test(
    arguments: [
      .addTable(MakeManifest.table(2)), .addTable(MakeManifest.table(7, order: 2)),
      .addTable(MakeManifest.table(0, order: 50)), .addTable(MakeManifest.table(.max, order: 51)),
      .removeTable(1), .addSegment(6), .addSegment(.max), .sealSegment(MakeManifest.sealed(1)),
      .sealSegment(MakeManifest.sealed(77)), .sealSegment(SegmentEntry(number: 2)), .dropSegment(1),
      .replayFrom(LogPosition(segment: 1, offset: 8191)), .nextFile(8), .nextSegment(6),
      .nextNamespace(5), .lastBirth(999), .createNamespace(MakeManifest.namespace(5, "new")),
      .createNamespace(MakeManifest.namespace(9, "second")),
      .createNamespace(MakeManifest.namespace(9, "")),
      .createNamespace(MakeManifest.namespace(9, "heavy", weight: 101)),
      .createNamespace(MakeManifest.namespace(.max, "new")),
      .setNamespace(MakeManifest.namespace(2, "renamed")),
      .setNamespace(MakeManifest.namespace(1, "first")), .retireNamespace(1),
    ] as [ManifestEdit])
  func `an edit that does not fit is refused and changes nothing`(_ edit: ManifestEdit) throws {
    var state = try ManifestState().applying(MakeManifest.everything)
    let before = state
    #expect(throws: IndexError.self) { try state.apply(edit) }
    #expect(state == before)
  }

  @Test func `names have their limits`() {
    func problem(_ name: Int, _ description: Int = 0) -> String? {
      var entry = MakeManifest.namespace(1, String(repeating: "n", count: name))
      entry.options.description = String(repeating: "d", count: description)
      return entry.problem
    }
    #expect(problem(0) == "namespace name of 0 bytes, must be 1 to 1024")
    #expect(problem(1) == nil && problem(1024) == nil && problem(1025) != nil)
    #expect(problem(1, 4096) == nil && problem(1, 4097) != nil)
  }

  @Test func `bytes of edits come back, and no shorter or longer ones do`() {
    let bytes = ManifestEdit.encode(MakeManifest.everything)
    #expect(ManifestEdit.decode(bytes) == MakeManifest.everything)
    for count in 0..<bytes.count { #expect(ManifestEdit.decode(Array(bytes[0..<count])) == nil) }
    #expect(ManifestEdit.decode(bytes + [0]) == nil)
  }

  @Test func `garbage is refused or read, never worse`() {
    var dice = Dice()
    let whole = ManifestEdit.encode(MakeManifest.everything)
    for round in 0..<4000 {
      var bytes = round % 2 == 0 ? whole : dice.bytes(dice.below(120))
      for _ in 0...dice.below(4) where !bytes.isEmpty {
        bytes[dice.below(bytes.count)] = UInt8(dice.below(256))
      }
      guard let edits = ManifestEdit.decode(bytes) else { continue }
      if let state = try? ManifestState().applying(edits) { state.checkInvariants() }
    }
  }
}
