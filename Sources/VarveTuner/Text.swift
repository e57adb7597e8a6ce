// Numbers in reasons and status, without Foundation's locales.

internal import VarveBase

enum Text {
  /// `value` with `digits` digits behind the point; "-" for what is no number.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 9e15 else { return value.isNaN ? "-" : "very large" }
    let whole = UInt64(scaled)
    let sign = value < 0 && whole > 0 ? "-" : ""
    guard digits > 0 else { return sign + "\(whole)" }
    let divisor = UInt64(scale)
    let fraction = "\(whole % divisor)"
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return sign + "\(whole / divisor)." + zeros + fraction
  }

  static func percent(_ share: Double) -> String { fixed(100 * share, 1) + " %" }

  /// Whole numbers without a point.
  static func number(_ value: Double) -> String {
    value == value.rounded() ? fixed(value, 0) : fixed(value, 2)
  }
}
