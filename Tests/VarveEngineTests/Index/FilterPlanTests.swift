// Monkey's division as text: `Golden/filters.txt` holds a shape, the tables there are, and what the
// filters of runs formed now get. `VARVE_GOLDEN=write` writes the results anew.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct FilterPlanTests {
  static let file = "Tests/VarveEngineTests/Golden/filters.txt"
  private static let bytesPerName: UInt64 = 200

  private func tables(_ names: [UInt64]) -> [TableSummary] {
    names.enumerated().map { index, names in
      var counts = TableCounts()
      counts.names = names
      return TableSummary(
        number: UInt64(index) + 1, order: UInt64(index) + 1,
        fileBytes: names * Self.bytesPerName, counts: counts)
    }
  }

  private func bits(
    _ names: UInt64, beside: [UInt64], _ tuning: IndexTuning
  ) -> Double {
    FilterPlan.bitsPerName(
      names: names, bytes: names * Self.bytesPerName, beside: tables(beside), tuning)
  }

  /// `T K Z bits flush` of the first line, `beside` names of tables, `form` names of runs.
  private func result(_ input: [Substring]) throws -> String {
    let numbers = input[0].split(separator: " ").compactMap { Double($0) }
    try #require(numbers.count == 5, "T K Z, bits, names of a flush in \(input[0])")
    let flushBytes = Int(numbers[4]) * Int(Self.bytesPerName)
    let tuning = IndexTuning(
      sizeRatio: Int(numbers[0]), innerRunsMax: Int(numbers[1]), lastRunsMax: Int(numbers[2]),
      memtableBytes: flushBytes / 3 * 8, filterBitsPerName: numbers[3])
    var beside: [UInt64] = []
    var text = ""
    for line in input.dropFirst() {
      let words = line.split(separator: " ")
      let names = words.dropFirst().compactMap { UInt64($0) }
      if words[0] == "beside" {
        beside = names
        continue
      }
      try #require(words[0] == "form", "what is \(line)?")
      for count in names {
        let tenths = Int((bits(count, beside: beside, tuning) * 10).rounded())
        text += "\(count) names: \(tenths / 10).\(tenths % 10) bits\n"
      }
    }
    return text
  }

  @Test func `filters are those of the golden text`() throws {
    var written: [String] = []
    let text = try checkoutFile(Self.file)
    for part in text.split(separator: "\n\n") {
      let lines = part.split(separator: "\n")
      let comments = lines.prefix { $0.hasPrefix("#") }
      let input = Array(lines.dropFirst(comments.count).prefix { $0 != "----" })
      written.append(
        (comments + input + ["----"]).joined(separator: "\n") + "\n" + (try result(input)))
    }
    let whole = written.joined(separator: "\n")
    if unsafe getenv("VARVE_GOLDEN") != nil {
      var root = parent(of: #filePath)
      for _ in 0..<3 { root = parent(of: root) }
      try PosixFileSystem().replaceAtomically(root + "/" + Self.file, Array(whole.utf8))
    } else {
      #expect(whole == text)
    }
  }

  @Test func `a tree that is filled stays within the bits it was given`() {
    var dice = Dice()
    for _ in 0..<20 {
      let tuning = IndexTuning(
        sizeRatio: 2 + dice.below(9), innerRunsMax: 1 + dice.below(8),
        lastRunsMax: 1 + dice.below(4),
        memtableBytes: 1 << 20, filterBitsPerName: Double(dice.below(17)))
      var held: [(table: TableSummary, bits: Double)] = []
      var number: UInt64 = 0
      func form(_ names: UInt64, level: UInt8, order: UInt64, at index: Int) {
        number += 1
        var counts = TableCounts()
        counts.names = names
        let bytes = names * Self.bytesPerName
        let bits = FilterPlan.bitsPerName(
          names: names, bytes: bytes, beside: held.map(\.table), tuning)
        held.insert(
          (
            TableSummary(
              number: number, order: order == 0 ? number : order, level: level, fileBytes: bytes,
              counts: counts), bits
          ), at: index)
      }
      for _ in 0..<300 {
        form(tuning.flushBytes / Self.bytesPerName, level: 0, order: 0, at: 0)
        while case .merge(let plan) = Picker(
          held.map(\.table), tuning.shape, flushBytes: tuning.flushBytes
        ).pick() {
          let names = plan.inputs.reduce(0) { $0 + $1.counts.names }
          let at = held.firstIndex { $0.table == plan.inputs[0] } ?? 0
          held.removeSubrange(at..<at + plan.inputs.count)
          form(names, level: plan.level, order: plan.order, at: at)
        }
        let names = held.reduce(0.0) { $0 + Double($1.table.counts.names) }
        let bits = held.reduce(0.0) { $0 + Double($1.table.counts.names) * $1.bits }
        // With 1 bit a name most runs have none, and the few that have some had too many once.
        let most = tuning.filterBitsPerName < 2 ? 2 : 1.6
        #expect(
          bits <= most * names * tuning.filterBitsPerName,
          "\(bits / names) bits a name of \(tuning), \(dice.comment)")
      }
    }
  }

  @Test func `no bits, no names and one name are no trouble`() {
    let none = IndexTuning(shape: IndexShape(), memtableBytes: 1 << 20, filterBitsPerName: 0)
    #expect(bits(1000, beside: [5], none) == 0)
    let ten = IndexTuning(shape: IndexShape(), memtableBytes: 1, filterBitsPerName: 10)
    #expect(bits(0, beside: [], ten) == 10 && bits(1, beside: [], ten) > 0)
    #expect(bits(1, beside: [1 << 40], ten) == TableFilter.bitsPerNameMax)
    #expect(bits(1 << 40, beside: [1, 1, 1], ten) > 5)
  }
}
