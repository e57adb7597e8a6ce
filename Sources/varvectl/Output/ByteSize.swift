// Sizes as people write them: bytes, or KiB, MiB, GiB, TiB.

import ArgumentParser

/// A count of bytes from a command line, and back.
struct ByteSize: Hashable, Sendable, ExpressibleByArgument {
  private static let units: [(suffix: String, shift: Int)] = [
    ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0), ("", 0),
  ]

  let bytes: Int

  init(bytes: Int) { self.bytes = bytes }

  /// Whole numbers only: `4096`, `64KiB`, `64 KiB`.
  init?(argument: String) {
    guard let unit = Self.units.first(where: { argument.hasSuffix($0.suffix) }) else { return nil }
    var digits = argument.dropLast(unit.suffix.count)
    if !unit.suffix.isEmpty, digits.last == " " { digits = digits.dropLast() }
    guard let count = Int(digits), count >= 0, digits.first != "+" else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << unit.shift)
    guard !overflow else { return nil }
    self.bytes = bytes
  }

  var defaultValueDescription: String { Self.text(UInt64(bytes)) }

  /// Three figures and a unit; bytes below 1 KiB are told exactly.
  static func text(_ bytes: UInt64) -> String {
    for unit in units where unit.shift > 0 && bytes >= 1 << UInt64(unit.shift) {
      let value = Double(bytes) / Double(1 << unit.shift)
      return "\(Numbers.fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0)) \(unit.suffix)"
    }
    return "\(bytes) B"
  }
}
