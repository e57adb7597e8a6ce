// The picker as text: `Golden/picker.txt` holds commands, tables and the plan that must come out.
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

  /// `pick max=N` or `compact`, then a line `number order names flatBytes` a table, newest first.
  private func result(of input: [Substring]) throws -> String {
    let words = try #require(input.first).split(separator: " ")
    let tables = try input.dropFirst().map { line in
      let numbers = line.split(separator: " ").compactMap { UInt64($0) }
      try #require(numbers.count == 4, "four numbers in \(line)")
      var counts = TableCounts()
      counts.names = numbers[2]
      counts.flatBytes = numbers[3]
      return TableSummary(
        number: numbers[0], order: numbers[1], fileBytes: numbers[3] / 2, counts: counts)
    }
    let plan: MergePlan?
    if words[0] == "pick" {
      let most = try #require(Int(words[1].dropFirst(4)))
      plan = Picker.pick(tables, IndexShape(tablesMax: most))
    } else {
      plan = Picker.mergeAll(tables)
    }
    guard let plan else { return "nothing\n" }
    let numbers = plan.inputs.map { String($0.number) }.joined(separator: " ")
    return "merge \(numbers)\nlevel \(plan.level) order \(plan.order) bottom \(plan.isBottom)\n"
      + "at most \(plan.outputBytesMax) bytes\n"
  }

  @Test func `plans are those of the golden text`() throws {
    var written = ""
    let text = try checkoutFile(Self.file)
    for part in text.split(separator: "\n\n") {
      let lines = part.split(separator: "\n")
      let comments = lines.prefix { $0.hasPrefix("#") }
      let input = lines.dropFirst(comments.count).prefix { $0 != "----" }
      let found = try result(of: Array(input))
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
}
