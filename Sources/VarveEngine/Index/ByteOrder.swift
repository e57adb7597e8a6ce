// Comparing stretches of bytes, eight at a time.

internal import VarveBase

enum ByteOrder {
  /// The first offset at which the stretches differ, counted from their starts; the shorter one's
  /// length when it begins the other.
  static func commonPrefix(
    _ left: RawSpan, _ leftRange: Range<Int>, _ right: RawSpan, _ rightRange: Range<Int>
  ) -> Int {
    let count = min(leftRange.count, rightRange.count)
    var at = 0
    while at + 8 <= count {
      let leftWord: UInt64 = left.load(leftRange.lowerBound + at)
      let rightWord: UInt64 = right.load(rightRange.lowerBound + at)
      if leftWord != rightWord { return at + (leftWord ^ rightWord).trailingZeroBitCount / 8 }
      at += 8
    }
    while at < count {
      let leftByte: UInt8 = left.load(leftRange.lowerBound + at)
      let rightByte: UInt8 = right.load(rightRange.lowerBound + at)
      if leftByte != rightByte { return at }
      at += 1
    }
    return count
  }

  /// Below zero when `left` stands first, zero when equal; a prefix stands before what continues
  /// it.
  static func compare(
    _ left: RawSpan, _ leftRange: Range<Int>, _ right: RawSpan, _ rightRange: Range<Int>
  ) -> Int {
    let common = commonPrefix(left, leftRange, right, rightRange)
    if common == leftRange.count || common == rightRange.count {
      return leftRange.count - rightRange.count
    }
    let leftByte: UInt8 = left.load(leftRange.lowerBound + common)
    let rightByte: UInt8 = right.load(rightRange.lowerBound + common)
    return Int(leftByte) - Int(rightByte)
  }

  static func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
    compare(left.rawSpan, 0..<left.count, right.rawSpan, 0..<right.count)
  }
}
