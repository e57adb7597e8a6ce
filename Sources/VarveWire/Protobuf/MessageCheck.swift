// What libprotobuf-c does not check, checked on the raw bytes before it unpacks them: strings are
// UTF-8 without NUL (protobuf-c would cut a name at the NUL, and two namespaces would meet), and
// the number of fields is bounded (protobuf-c spends about 100 bytes on a field of 2).

internal import CVarveProto
internal import VarveBase

enum MessageCheck {
  /// Refuses `bytes` that libprotobuf-c must not see as a message of this kind.
  static func check(
    _ bytes: RawSpan, as descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
    name: @autoclosure () -> String
  ) throws(WireError) {
    var fields = 0
    try unsafe check(bytes, 0..<bytes.byteCount, descriptor, name(), &fields)
  }

  // The recursion is as deep as the schema, which holds no recursive message.
  private static func check(
    _ bytes: RawSpan, _ range: Range<Int>, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
    _ name: @autoclosure () -> String, _ fields: inout Int
  ) throws(WireError) {
    var reader = FieldReader(range)
    while let field = try reader.next(bytes, name()) {
      fields += 1
      guard fields <= Limits.messageFieldsMax else {
        throw .overLimit(
          field: "number of fields of \(name())", value: UInt64(fields), limit: "messageFieldsMax",
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
          name(), &fields)
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
