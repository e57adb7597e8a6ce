// Numbers in messages: whole ones without a point.

enum DecimalText {
  static func of(_ value: Double) -> String { Int64(exactly: value).map { "\($0)" } ?? "\(value)" }
}
