// Unsigned LEB128: seven bits a byte, least significant first. Used inside index records and
// manifest edits, where most numbers are small.

internal import VarveBase

package enum Varint {
  /// Bytes of the longest encoding (64 bits).
  package static let byteCountMax = 10

  package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// Zigzag: small whichever side of zero.
  package static func append(signed value: Int64, to bytes: inout [UInt8]) {
    append(UInt64(bitPattern: value << 1 ^ value >> 63), to: &bytes)
  }

  /// Bytes that `append` would add.
  package static func byteCount(_ value: UInt64) -> Int {
    value == 0 ? 1 : (64 - value.leadingZeroBitCount + 6) / 7
  }

  /// Bytes that `append(signed:)` would add.
  package static func byteCount(signed value: Int64) -> Int {
    byteCount(UInt64(bitPattern: value << 1 ^ value >> 63))
  }

  /// The number at `at`, which moves behind it; nil, and `at` undefined, when the bytes end before
  /// `end`, hold more than 64 bits, or spell the number longer than needed.
  package static func read(_ bytes: RawSpan, _ at: inout Int, end: Int) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < end, shift < 70 {
      let byte = bytes.load(at, as: UInt8.self)
      at += 1
      if shift == 63, byte > 1 { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return byte == 0 && shift > 0 ? nil : value }
      shift += 7
    }
    return nil
  }

  /// What `append(signed:)` wrote.
  package static func readSigned(_ bytes: RawSpan, _ at: inout Int, end: Int) -> Int64? {
    guard let value = read(bytes, &at, end: end) else { return nil }
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// The same for a number that must fit 32 bits.
  package static func read32(_ bytes: RawSpan, _ at: inout Int, end: Int) -> UInt32? {
    guard let value = read(bytes, &at, end: end), value <= UInt64(UInt32.max) else { return nil }
    return UInt32(value)
  }
}
