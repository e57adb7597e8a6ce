// What libprotobuf-c does not check, checked on the raw bytes before it unpacks them: strings are
// UTF-8 without NUL (protobuf-c would cut a name at the NUL, and two namespaces would meet), and
// the number of fields is bounded (protobuf-c spends about 100 bytes on a field of 2).

internal import CVarveProto
internal import VarveBase

enum MessageCheck {
  /// Refuses `bytes` that libprotobuf-c must not see as a message of this kind.
  static func check(
    _ bytes: RawSpan, as descriptor: UnsafePointer<ProtobufCMessageDescriptor>, name: String
  ) throws(WireError) {
    var fields = 0
    try unsafe check(bytes, 0..<bytes.byteCount, descriptor, name, &fields)
  }

  // The recursion is as deep as the schema, which holds no recursive message.
  private static func check(
    _ bytes: RawSpan, _ range: Range<Int>, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
    _ name: String, _ fields: inout Int
  ) throws(WireError) {
    var reader = FieldReader(range)
    while let field = try reader.next(bytes, name) {
      fields += 1
      guard fields <= Limits.messageFieldsMax else {
        throw .overLimit(
          field: "number of fields of \(name)", value: UInt64(fields), limit: "messageFieldsMax",
          limitValue: UInt64(Limits.messageFieldsMax))
      }
      guard field.wireType == 2,
        let known = unsafe protobuf_c_message_descriptor_get_field(descriptor, field.number)
      else { continue }
      if unsafe known.pointee.type == PROTOBUF_C_TYPE_STRING {
        try checkText(bytes.extracting(field.content), unsafe String(cString: known.pointee.name))
      } else if unsafe known.pointee.type == PROTOBUF_C_TYPE_MESSAGE,
        let inner = unsafe known.pointee.descriptor
      {
        try unsafe check(
          bytes, field.content, inner.assumingMemoryBound(to: ProtobufCMessageDescriptor.self),
          name, &fields)
      }
    }
  }

  private static func checkText(_ bytes: RawSpan, _ field: String) throws(WireError) {
    let valid = unsafe bytes.withUnsafeBytes { raw in
      unsafe !raw.contains(0) && String(validating: raw, as: UTF8.self) != nil
    }
    guard valid else {
      throw .invalid(
        field: field, value: UInt64(bytes.byteCount), rule: "its bytes must be UTF-8 without NUL")
    }
  }
}

/// Walks the fields of one message in its raw bytes.
private struct FieldReader {
  struct Field {
    var number: UInt32
    var wireType: UInt64
    var content: Range<Int>
  }

  private var position: Int
  private let end: Int

  init(_ range: Range<Int>) {
    position = range.lowerBound
    end = range.upperBound
  }

  mutating func next(_ bytes: RawSpan, _ name: String) throws(WireError) -> Field? {
    guard position < end else { return nil }
    guard let tag = varint(bytes), tag >> 3 > 0, tag >> 3 < 1 << 29 else {
      throw .malformed("\(name): no field tag at byte \(position)")
    }
    var length: UInt64 = 0
    switch tag & 7 {
    case 0:
      let start = position
      guard varint(bytes) != nil else {
        throw .malformed("\(name): no number at byte \(start)")
      }
    case 1: length = 8
    case 2:
      guard let count = varint(bytes) else {
        throw .malformed("\(name): no length at byte \(position)")
      }
      length = count
    case 5: length = 4
    default: throw .malformed("\(name): wire type \(tag & 7) at byte \(position)")
    }
    guard length <= UInt64(end - position) else {
      throw .malformed("\(name): a field of \(length) bytes where \(end - position) are left")
    }
    let content = position..<position + Int(length)
    position = content.upperBound
    return Field(number: UInt32(tag >> 3), wireType: tag & 7, content: content)
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
