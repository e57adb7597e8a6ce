// The fields of a message in its raw bytes: for what must be known before unpacking, and for
// messages whose bytes are never unpacked.

internal import VarveBase

/// Walks the fields of one message in its raw bytes.
struct FieldReader {
  struct Field {
    var number: UInt32
    var wireType: UInt64
    /// The number, where the wire type is 0.
    var value: UInt64 = 0
    var content: Range<Int>
  }

  private var position: Int
  private let end: Int

  init(_ range: Range<Int>) {
    position = range.lowerBound
    end = range.upperBound
  }

  /// - Parameter name: the message's, for what is wrong with it.
  mutating func next(
    _ bytes: RawSpan, _ name: @autoclosure () -> String
  ) throws(WireError) -> Field? {
    guard position < end else { return nil }
    guard let tag = varint(bytes), tag >> 3 > 0, tag >> 3 < 1 << 29 else {
      throw .malformed("\(name()): no field tag at byte \(position)")
    }
    var length: UInt64 = 0
    var value: UInt64 = 0
    switch tag & 7 {
    case 0:
      let start = position
      guard let number = varint(bytes) else {
        throw .malformed("\(name()): no number at byte \(start)")
      }
      value = number
    case 1: length = 8
    case 2:
      guard let count = varint(bytes) else {
        throw .malformed("\(name()): no length at byte \(position)")
      }
      length = count
    case 5: length = 4
    default: throw .malformed("\(name()): wire type \(tag & 7) at byte \(position)")
    }
    guard length <= UInt64(end - position) else {
      throw .malformed("\(name()): a field of \(length) bytes where \(end - position) are left")
    }
    let content = position..<position + Int(length)
    position = content.upperBound
    return Field(
      number: UInt32(tag >> 3), wireType: tag & 7, value: value, content: content)
  }

  private mutating func varint(_ bytes: RawSpan) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end, shift < 64 {
      let byte = bytes.load(position, as: UInt8.self)
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }
}
