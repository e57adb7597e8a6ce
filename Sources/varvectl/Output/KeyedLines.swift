// Properties of one thing: a name, and its value in a column.

struct KeyedLines {
  private let lines: [(String, String)]

  init(_ lines: [(String, String)]) { self.lines = lines }

  /// Without a last line feed; empty values are left out.
  var text: String {
    let width = lines.map(\.0.count).max() ?? 0
    return lines.filter { !$0.1.isEmpty }.map { name, value in
      name + String(repeating: " ", count: width - name.count + 2) + value
    }.joined(separator: "\n")
  }
}
