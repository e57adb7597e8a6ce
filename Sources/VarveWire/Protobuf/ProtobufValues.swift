// Reading of unpacked C structs: every value is copied out, so that no pointer outlives the
// unpacking.

internal import CVarveProto
internal import VarveBase

enum ProtobufText {
  /// The string; its bytes were checked before unpacking (`MessageCheck`).
  static func string(_ pointer: UnsafePointer<CChar>?) throws(WireError) -> String {
    guard let pointer = unsafe pointer else { return "" }
    return unsafe String(cString: pointer)
  }

  static func strings(
    _ pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ count: Int
  ) throws(WireError) -> [String] {
    var strings: [String] = []
    for index in 0..<count { strings.append(try unsafe string(pointer?[index])) }
    return strings
  }
}

enum ProtobufArray {
  static func numbers<Number>(_ pointer: UnsafeMutablePointer<Number>?, _ count: Int) -> [Number] {
    guard count > 0, let pointer = unsafe pointer else { return [] }
    return unsafe Array(UnsafeBufferPointer(start: pointer, count: count))
  }

  static func bytes(_ data: ProtobufCBinaryData) -> [UInt8] {
    unsafe numbers(data.data, data.len)
  }

  static func messages<Message: ProtobufMessage, C>(
    _ pointer: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?, _ count: Int
  ) throws(WireError) -> [Message] {
    var messages: [Message] = []
    for index in 0..<count {
      guard let message = unsafe pointer?[index] else { continue }
      messages.append(try unsafe Message(at: message))
    }
    return messages
  }

  /// The ids in a `bytes` field, whose length the caller has checked.
  static func ids(_ data: ProtobufCBinaryData) -> [PageID] {
    let count = unsafe data.len / PageID.byteCount
    guard count > 0, let start = unsafe data.data else { return [] }
    let raw = unsafe UnsafeRawBufferPointer(start: start, count: count * PageID.byteCount)
    return (0..<count).map { unsafe PageID(raw.bytes, at: $0 * PageID.byteCount) }
  }
}

extension MessageArena {
  func ids(_ ids: [PageID]) -> ProtobufCBinaryData {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(ids.count * PageID.byteCount)
    for id in ids { bytes.append(id) }
    return unsafe self.bytes(bytes)
  }
}
