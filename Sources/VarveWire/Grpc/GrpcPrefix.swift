// The five bytes before each message: whether it is compressed, and how long it is.

internal import VarveBase

/// Collects a prefix from bytes that come in pieces.
struct GrpcPrefix {
  static let byteCount = 5

  private var bytes: [UInt8] = []

  /// Not a byte of the next prefix has come.
  var isEmpty: Bool { bytes.isEmpty }

  /// The length of the message once its prefix is whole; the next call begins the next prefix.
  mutating func feed(
    _ input: UnsafeRawBufferPointer, from offset: inout Int
  ) throws(GrpcError) -> Int? {
    while offset < input.count, bytes.count < Self.byteCount {
      unsafe bytes.append(input[offset])
      offset += 1
    }
    guard bytes.count == Self.byteCount else { return nil }
    let length = bytes[1...].reduce(0) { $0 << 8 | Int($1) }
    guard bytes[0] == 0 else {
      throw GrpcError(
        Problem(.unimplemented, "compressed messages are not taken; send them as they are"))
    }
    let limit = Limits.grpcMessageBytesMax
    guard length <= limit else {
      throw GrpcError(
        .overLimit(
          field: "message of bytes", value: UInt64(length), limit: "grpcMessageBytesMax",
          limitValue: UInt64(limit)))
    }
    bytes.removeAll(keepingCapacity: true)
    return length
  }

  static func append(length: Int, to bytes: inout [UInt8]) {
    bytes.append(0)
    for shift in [24, 16, 8, 0] { bytes.append(UInt8(length >> shift & 255)) }
  }

  /// A message with its prefix.
  static func framed(_ message: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(message.count + byteCount)
    append(length: message.count, to: &bytes)
    return bytes + message
  }
}
