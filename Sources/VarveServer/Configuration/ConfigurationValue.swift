// A setting as it was written, before its key gives it a meaning. The TOML file brings typed
// values, flags and the environment bring text; the readers here take both.

/// What stood behind a key.
package enum ConfigurationValue: Equatable, Sendable {
  case text(String)
  case integer(Int64)
  case flag(Bool)
  case list([ConfigurationValue])
  /// A type no key takes (a date, a float, a table); printed as it was.
  case other(String)

  /// The value as a message prints it.
  package var shown: String {
    switch self {
    case .text(let text): "\"\(text)\""
    case .integer(let number): "\(number)"
    case .flag(let flag): "\(flag)"
    case .list(let values): "[" + values.map(\.shown).joined(separator: ", ") + "]"
    case .other(let text): text
    }
  }

  func text(_ key: String) throws(ConfigurationProblem) -> String {
    guard case .text(let text) = self else {
      throw ConfigurationProblem("\(key) = \(shown) is not a text")
    }
    return text
  }

  func bytes(_ key: String) throws(ConfigurationProblem) -> UInt64 {
    switch self {
    case .integer(let number) where number >= 0: return UInt64(number)
    case .text(let text):
      if let bytes = ByteSize.parse(text) { return bytes }
    default: break
    }
    throw ConfigurationProblem(
      "\(key) = \(shown) is not a size: write bytes, or a whole number with KiB, MiB, GiB or TiB")
  }

  func number(_ key: String, _ range: ClosedRange<Int>) throws(ConfigurationProblem) -> Int {
    var found: Int?
    switch self {
    case .integer(let number): found = Int(exactly: number)
    case .text(let text): found = Int(text)
    default: break
    }
    guard let found, range.contains(found) else {
      throw ConfigurationProblem(
        "\(key) = \(shown) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return found
  }

  func flag(_ key: String) throws(ConfigurationProblem) -> Bool {
    switch self {
    case .flag(let flag): return flag
    case .text("true"), .text("1"): return true
    case .text("false"), .text("0"): return false
    default: throw ConfigurationProblem("\(key) = \(shown) must be true or false")
    }
  }

  /// A list of texts; one text is a list divided at commas, as an environment variable has to be.
  func texts(_ key: String) throws(ConfigurationProblem) -> [String] {
    switch self {
    case .text(let text):
      return text.split(separator: ",").map { $0.filter { $0 != " " } }
    case .list(let values):
      var texts: [String] = []
      for value in values { texts.append(try value.text(key)) }
      return texts
    default: throw ConfigurationProblem("\(key) = \(shown) is not a list of texts")
    }
  }
}
