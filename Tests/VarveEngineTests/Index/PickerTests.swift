// The picker as text: `Golden/picker.txt` holds commands, tables and the step that must come out.
// `VARVE_GOLDEN=write` writes the results anew instead of comparing them.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct PickerTests {
  static let file = "Tests/VarveEngineTests/Golden/picker.txt"

  @Test func `steps are those of the golden text`() throws {
    var written = ""
    let text = try checkoutFile(Self.file)
    for part in text.split(separator: "\n\n") {
      let lines = part.split(separator: "\n")
      let comments = lines.prefix { $0.hasPrefix("#") }
      let input = lines.dropFirst(comments.count).prefix { $0 != "----" }
      let found = try PickerText(Array(input)).result()
      written += (comments + input + ["----"]).joined(separator: "\n") + "\n" + found + "\n"
    }
    if unsafe getenv("VARVE_GOLDEN") != nil {
      var root = parent(of: #filePath)
      for _ in 0..<3 { root = parent(of: root) }
      try PosixFileSystem().replaceAtomically(root + "/" + Self.file, Array(written.utf8))
    } else {
      #expect(written == text)
    }
  }

  @Test func `bounds of the shape are told, at their edges`() {
    let edges = [
      IndexShape(sizeRatio: 2, innerRunsMax: 1, lastRunsMax: 1),
      IndexShape(sizeRatio: 16, innerRunsMax: 15, lastRunsMax: 15),
    ]
    for shape in edges { #expect(shape.problem == nil) }
    let beyond = [
      IndexShape(sizeRatio: 1), IndexShape(sizeRatio: 17), IndexShape(innerRunsMax: 0),
      IndexShape(innerRunsMax: 16), IndexShape(lastRunsMax: 0), IndexShape(lastRunsMax: 16),
    ]
    for shape in beyond { #expect(shape.problem?.contains("must be") == true) }
    var tuning = IndexTuning(shape: IndexShape(), memtableBytes: 1, filterBitsPerName: 0)
    #expect(tuning.problem == nil && tuning.shape == IndexShape())
    tuning.memtableBytes = Limits.memtableBytesMax
    tuning.filterBitsPerName = Limits.filterBitsPerNameMax
    #expect(tuning.problem == nil)
    for bits in [-0.1, Limits.filterBitsPerNameMax + 0.1, .nan, .infinity] {
      tuning.filterBitsPerName = bits
      #expect(tuning.problem?.contains("filter bits") == true)
    }
    tuning.filterBitsPerName = 8
    for bytes in [0, Limits.memtableBytesMax + 1] {
      tuning.memtableBytes = bytes
      #expect(tuning.problem?.contains("memtable") == true)
    }
  }

  @Test func `capacities of levels do not overflow`() {
    let picker = IndexShape(sizeRatio: 16).picker(flushBytes: 100)
    #expect(picker.capacity(0) == 1600)
    #expect(picker.capacity(40) == .max)
    #expect(picker.level(of: .max) < 64)
    #expect(IndexShape(sizeRatio: 2).picker(flushBytes: 1).level(of: .max) < 64)
    #expect(picker.level(of: 1600) == 0)
    #expect(picker.level(of: 1601) == 1)
    #expect(IndexShape.flushBytes(memtableBytes: 1) == 4096)
  }

  /// Whatever the shape, its moves and what is being merged: plans are neighbours in age and in no
  /// other plan, levels stay in order, and once nothing is left to do every level is within its
  /// bounds.
  @Test func `random histories keep the shape`() {
    for seed in 0..<60 {
      var model = PickerModel(seed: UInt64(seed))
      for _ in 0..<200 { model.step() }
      model.settle()
    }
  }
}

/// One case of the golden text.
///
/// `pick T=4 K=3 Z=1 flush=100 [live=N] [quiet] [joins]`, then a line `number level bytes
/// [segments=A-B] [order=N]` a table, newest first, and a line `merging N N … to LEVEL` a plan
/// under way; `compact …` with the same lines; `fill T=… flush=… count=N [then T=… count=N]…`
/// flushes runs into an empty tree and shows it after each.
private struct PickerText {
  private var words: [Substring]
  private var tables: [TableSummary] = []
  private var merging: [MergePlan] = []

  init(_ input: [Substring]) throws {
    words = try #require(input.first).split(separator: " ")
    for line in input.dropFirst() {
      let parts = line.split(separator: " ")
      if parts[0] == "merging" {
        let inputs = try parts.dropFirst().prefix { $0 != "to" }.map { part in
          try #require(tables.first { $0.number == UInt64(part) })
        }
        let level = try #require(UInt8(parts[parts.count - 1]))
        merging.append(MergePlan(inputs: inputs, level: level, isBottom: false))
      } else {
        tables.append(try Self.table(parts))
      }
    }
  }

  private static func table(_ parts: [Substring]) throws -> TableSummary {
    let numbers = parts.prefix(3).compactMap { UInt64($0) }
    try #require(numbers.count == 3, "number, level and bytes in \(parts)")
    var counts = TableCounts()
    let segments = value("segments", parts) ?? "1-1000"
    let ends = segments.split(separator: "-").compactMap { UInt64($0) }
    if ends.count == 2 { (counts.segmentMin, counts.segmentMax) = (ends[0], ends[1]) }
    let order = value("order", parts).flatMap { UInt64($0) } ?? numbers[0]
    return TableSummary(
      number: numbers[0], order: order, level: UInt8(numbers[1]), fileBytes: numbers[2],
      counts: counts)
  }

  private static func value(_ name: String, _ words: some Sequence<Substring>) -> Substring? {
    words.first { $0.hasPrefix(name + "=") }?.dropFirst(name.count + 1)
  }

  private static func number(
    _ name: String, _ words: some Sequence<Substring>, or other: Int? = nil
  ) throws -> Int {
    try #require(value(name, words).flatMap { Int($0) } ?? other, "\(name)= in \(words)")
  }

  private static func shape(_ words: [Substring], _ old: IndexShape = IndexShape()) throws
    -> IndexShape
  {
    IndexShape(
      sizeRatio: try number("T", words, or: old.sizeRatio),
      innerRunsMax: try number("K", words, or: old.innerRunsMax),
      lastRunsMax: try number("Z", words, or: old.lastRunsMax))
  }

  func result() throws -> String {
    if words[0] == "fill" { return try fill() }
    var picker = Picker(
      tables, try Self.shape(words), flushBytes: UInt64(try Self.number("flush", words)))
    picker.merging = merging
    picker.liveFrom = UInt64(try Self.number("live", words, or: 0))
    picker.hasArrived = !words.contains("quiet")
    picker.joins = words.contains("joins")
    let step = words[0] == "compact" ? picker.mergeAll().map(IndexStep.merge) : picker.pick()
    let levels = IndexLevels(
      tables, picker.shape, flushBytes: picker.flushBytes, merging: merging)
    return Self.text(levels) + Self.text(step) + "\n"
  }

  private static func text(_ levels: IndexLevels) -> String {
    (0...levels.last).reduce(into: "") { text, level in
      let runs = levels.runs(in: level).map { run in
        let names = run.tables.map { "\($0.number)" }.joined(separator: "+")
        return run.isMerging ? "(\(names))" : names
      }
      let bytes = levels.runs(in: level).reduce(0) { $0 + $1.bytes }
      text +=
        "level \(level): \(bytes) of \(levels.capacity(level)) bytes, \(runs.count) of "
        + "\(levels.runsMax(level)) runs\(runs.isEmpty ? "" : ": ")"
        + "\(runs.joined(separator: " "))\n"
    }
  }

  private static func text(_ step: IndexStep?) -> String {
    switch step {
    case .merge(let plan):
      let numbers = plan.inputs.map { "\($0.number)" }.joined(separator: " ")
      return "merge \(numbers) to level \(plan.level), order \(plan.order)"
        + (plan.isBottom ? ", bottom" : "")
    case .drop(let tables):
      return "drop " + tables.map { "\($0.number)" }.joined(separator: " ")
    case nil: return "nothing"
    }
  }

  /// Runs of one flush each into an empty tree; one line a flush: the sizes of runs by level.
  private func fill() throws -> String {
    let flushBytes = UInt64(try Self.number("flush", words))
    var tree = PickerTree(shape: IndexShape(), flushBytes: flushBytes)
    var text = ""
    for phase in words.dropFirst().split(separator: "then") {
      tree.shape = try Self.shape(Array(phase), tree.shape)
      for _ in 0..<(try Self.number("count", phase)) {
        tree.flush()
        tree.mergeAll()
        text += tree.text + "\n"
      }
    }
    return text + "\(tree.flushed) bytes flushed, \(tree.merged) written by merges\n"
  }
}

/// A tree of sizes.
private struct PickerTree {
  var shape: IndexShape
  var tables: [TableSummary] = []
  private(set) var flushed: UInt64 = 0
  private(set) var merged: UInt64 = 0
  private var nextNumber: UInt64 = 1
  let flushBytes: UInt64

  init(shape: IndexShape, flushBytes: UInt64) {
    self.shape = shape
    self.flushBytes = flushBytes
  }

  mutating func flush(bytes: UInt64? = nil) {
    let bytes = bytes ?? flushBytes
    var counts = TableCounts()
    (counts.segmentMin, counts.segmentMax) = (nextNumber, nextNumber)
    tables.insert(
      TableSummary(number: nextNumber, order: nextNumber, fileBytes: bytes, counts: counts), at: 0)
    nextNumber += 1
    flushed += bytes
  }

  func picker(_ merging: [MergePlan] = []) -> Picker {
    var picker = Picker(tables, shape, flushBytes: flushBytes)
    picker.merging = merging
    return picker
  }

  mutating func mergeAll() {
    while let step = picker().pick() { apply(step) }
  }

  mutating func apply(_ step: IndexStep) {
    switch step {
    case .merge(let plan):
      var output = plan.inputs[0]
      output.number = nextNumber
      nextNumber += 1
      output.order = plan.order
      output.level = plan.level
      output.fileBytes = plan.inputs.reduce(0) { $0 + $1.fileBytes }
      merged += output.fileBytes
      let at = tables.firstIndex(of: plan.inputs[0]) ?? 0
      tables.removeAll { plan.inputs.contains($0) }
      tables.insert(output, at: at)
    case .drop(let dead): tables.removeAll { dead.contains($0) }
    }
  }

  var text: String {
    let levels = IndexLevels(tables, shape, flushBytes: flushBytes)
    return (0...levels.last).map { level in
      let sizes = levels.runs(in: level).map { "\($0.bytes)" }
      return sizes.isEmpty ? "-" : sizes.joined(separator: " ")
    }.joined(separator: " | ")
  }
}

/// Flushes, plans that begin and end in any order, plans that fail, and moves of the shape.
private struct PickerModel {
  private var dice: Dice
  private var tree: PickerTree
  private var running: [MergePlan] = []

  init(seed: UInt64) {
    dice = Dice(seed)
    tree = PickerTree(shape: IndexShape(), flushBytes: 100)
  }

  mutating func step() {
    switch dice.below(10) {
    case 0..<5: tree.flush(bytes: UInt64(1 + dice.below(150)))
    case 5..<7:
      if case .merge(let plan) = tree.picker(running).pick() { begin(plan) }
    case 7..<9:
      guard !running.isEmpty else { return }
      let plan = running.remove(at: dice.below(running.count))
      if dice.chance(80) { tree.apply(.merge(plan)) }
    default:
      if dice.chance(20) {
        tree.shape = IndexShape(
          sizeRatio: 2 + dice.below(15), innerRunsMax: 1 + dice.below(15),
          lastRunsMax: 1 + dice.below(15))
      }
    }
  }

  private mutating func begin(_ plan: MergePlan) {
    let numbers = plan.inputs.map(\.number)
    let all = tree.tables.map(\.number)
    let first = all.firstIndex(of: numbers[0]) ?? 0
    #expect(all[first...].starts(with: numbers), dice.comment)
    #expect(plan.isBottom == (numbers.last == all.last), dice.comment)
    let taken = running.flatMap { $0.inputs.map(\.number) }
    #expect(Set(taken).isDisjoint(with: numbers), dice.comment)
    running.append(plan)
    let levels = IndexLevels(
      tree.tables, tree.shape, flushBytes: tree.flushBytes, merging: running)
    let numbered = levels.runs.map(\.level)
    #expect(numbered == numbered.sorted() && (numbered.last ?? 0) <= levels.last, dice.comment)
  }

  /// All merges end; the tree then has at most K runs in level 0, and nothing is left to do.
  mutating func settle() {
    for plan in running { tree.apply(.merge(plan)) }
    running = []
    tree.mergeAll()
    let levels = IndexLevels(tree.tables, tree.shape, flushBytes: tree.flushBytes)
    #expect(levels.runs(in: 0).count <= levels.runsMax(0), dice.comment)
    #expect(tree.tables.map(\.order) == tree.tables.map(\.order).sorted(by: >), dice.comment)
  }
}
