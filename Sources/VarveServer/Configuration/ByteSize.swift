// Sizes as people write them: bytes, or a number with KiB, MiB, GiB or TiB.

/// Reads and prints sizes.
package enum ByteSize {
  private static let units: [(suffix: String, shift: UInt64)] = [
    ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0),
  ]

  /// The bytes `text` names; nil when it is no size or does not fit 63 bits. Fractions are not
  /// sizes: "1.5 GiB" has more than one reading once it is rounded.
  package static func parse(_ text: String) -> UInt64? {
    var digits = text.filter { $0 != " " && $0 != "_" }
    var shift: UInt64 = 0
    for unit in units where digits.lowercased().hasSuffix(unit.suffix.lowercased()) {
      digits.removeLast(unit.suffix.count)
      shift = unit.shift
      break
    }
    guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
      let number = UInt64(digits), number <= UInt64(Int64.max) >> shift
    else { return nil }
    return number << shift
  }

  /// The largest unit that divides `bytes`: 268435456 prints as 256MiB, 1000 as 1000.
  package static func text(_ bytes: UInt64) -> String {
    for unit in units where unit.shift > 0 && bytes > 0 && bytes % (1 << unit.shift) == 0 {
      return "\(bytes >> unit.shift)\(unit.suffix)"
    }
    return "\(bytes)"
  }
}
