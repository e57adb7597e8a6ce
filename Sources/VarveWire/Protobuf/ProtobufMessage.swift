// The one door to libprotobuf-c: packing and unpacking of every message. Pages never pass here; ids
// and checksums do, and are copied once.

internal import CVarveProto

/// A message of the contract: encodes to canonical bytes (ascending fields, defaults omitted,
/// repeated numbers packed, map entries by key) and decodes from any valid ones.
package protocol WireMessage: Sendable {
  func encode() -> [UInt8]
  /// Throws when the bytes are no such message, or a field breaks a rule of the contract.
  init(decoding bytes: RawSpan) throws(WireError)
}

/// A message with its C twin, a generated struct that begins with a `ProtobufCMessage`.
///
/// The requirements take raw pointers, each to that struct: an associated C type would make every
/// conformance, and with it every call of `encode`, unsafe in the eyes of strict memory safety.
protocol ProtobufMessage: WireMessage, Equatable {
  /// The message that encodes to nothing.
  static var defaults: Self { get }
  /// A C struct in the arena, as its generated initializer leaves it.
  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer
  /// Copies an unpacked C struct.
  init(at pointer: UnsafeRawPointer) throws(WireError)
  /// Sets the fields of a C struct; what they point to lies in the arena.
  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena)
}

extension ProtobufMessage {
  package func encode() -> [UInt8] {
    let arena = MessageArena()
    defer { arena.free() }
    let c = unsafe Self.place(arena)
    unsafe fill(c, arena)
    let base = unsafe c.assumingMemoryBound(to: ProtobufCMessage.self)
    let size = unsafe protobuf_c_message_get_packed_size(base)
    // Empty arrays share one storage, into which the initializer below writes their count: a race.
    guard size > 0 else { return [] }
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
      count = unsafe protobuf_c_message_pack(base, bytes.baseAddress)
      precondition(count == size, "protobuf-c packed \(count) bytes where it promised \(size)")
    }
  }

  package init(decoding bytes: RawSpan) throws(WireError) {
    let arena = MessageArena()
    defer { arena.free() }
    let blank = unsafe Self.place(arena).assumingMemoryBound(to: ProtobufCMessage.self)
    guard let descriptor = unsafe blank.pointee.descriptor else {
      preconditionFailure("\(Self.self) has no descriptor")
    }
    try unsafe MessageCheck.check(bytes, as: descriptor, name: "\(Self.self)")
    let unpacked = unsafe bytes.withUnsafeBytes { raw in
      unsafe protobuf_c_message_unpack(
        descriptor, nil, raw.count, raw.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
    guard let unpacked = unsafe unpacked else {
      throw .malformed("the \(bytes.byteCount) bytes given are no \(Self.self)")
    }
    defer { unsafe protobuf_c_message_free_unpacked(unpacked, nil) }
    try unsafe self.init(at: UnsafeRawPointer(unpacked))
  }
}
