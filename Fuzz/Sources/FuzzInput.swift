// Takes an input apart: a few bytes that steer, the rest that is fed.

import VarveBase

struct FuzzInput {
  private let bytes: [UInt8]
  private var at = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isEmpty: Bool { at == bytes.count }

  /// The next byte; 0 behind the end.
  mutating func byte() -> UInt8 {
    guard at < bytes.count else { return 0 }
    at += 1
    return bytes[at - 1]
  }

  /// Four bytes, little-endian.
  mutating func number() -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(byte()) << (8 * $1) }
  }

  /// Two bytes as a length, cut to what is left, and so many bytes.
  mutating func part() -> [UInt8] {
    let wanted = Int(byte()) | Int(byte()) << 8
    let end = min(bytes.count, at + wanted)
    defer { at = end }
    return Array(bytes[at..<end])
  }

  /// All that is left.
  mutating func rest() -> [UInt8] {
    defer { at = bytes.count }
    return Array(bytes[at...])
  }

  /// The other way: what `part()` gives back.
  static func part(_ bytes: [UInt8]) -> [UInt8] {
    precondition(bytes.count <= 0xffff, "a part has a length of two bytes")
    return [UInt8(bytes.count & 0xff), UInt8(bytes.count >> 8)] + bytes
  }
}
