// `--requests A:B`: which requests of a trace, A included, B not.

import ArgumentParser

struct RequestRange: ExpressibleByArgument, Hashable {
  let range: Range<Int>

  static let all = RequestRange(range: 0..<Int.max)

  init(range: Range<Int>) { self.range = range }

  /// `A:B`, `A:` and `:B`.
  init?(argument: String) {
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let first = parts[0].isEmpty ? 0 : Int(parts[0]),
      let last = parts[1].isEmpty ? Int.max : Int(parts[1]), first >= 0, first <= last
    else { return nil }
    range = first..<last
  }

  /// As the Python replay takes it.
  var text: String {
    "\(range.lowerBound):" + (range.upperBound == .max ? "" : "\(range.upperBound)")
  }

  var defaultValueDescription: String { "all" }
}
