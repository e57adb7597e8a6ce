// Messages of the frame layer itself.

internal import CVarveProto

/// Adds to what the receiver of the frame may send on the stream.
package struct Window: WireMessage, Hashable {
  package var bytes: UInt64

  package init(bytes: UInt64 = 0) {
    self.bytes = bytes
  }
}

extension Window: ProtobufMessage {
  static var defaults: Window { Window() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__Window())
    unsafe varve__v1__window__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Window.self).pointee
    bytes = unsafe c.bytes
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Window.self)
    unsafe c.pointee.bytes = bytes
  }
}

/// Why a call or a connection failed; `code` is gRPC's number. A limit that was hit is named with
/// its value and the value that broke it.
package struct Problem: WireMessage, Hashable {
  package var code: UInt32
  package var message: String
  package var limit: String
  package var limitValue: UInt64
  package var value: UInt64

  package init(
    code: UInt32 = 0,
    message: String = "",
    limit: String = "",
    limitValue: UInt64 = 0,
    value: UInt64 = 0
  ) {
    self.code = code
    self.message = message
    self.limit = limit
    self.limitValue = limitValue
    self.value = value
  }
}

extension Problem: ProtobufMessage {
  static var defaults: Problem { Problem() }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__Problem())
    unsafe varve__v1__problem__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    self.init()
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Problem.self).pointee
    code = unsafe c.code
    message = try unsafe ProtobufText.string(c.message)
    limit = try unsafe ProtobufText.string(c.limit)
    limitValue = unsafe c.limit_value
    value = unsafe c.value
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__Problem.self)
    unsafe c.pointee.code = code
    unsafe c.pointee.message = unsafe arena.text(message)
    unsafe c.pointee.limit = unsafe arena.text(limit)
    unsafe c.pointee.limit_value = limitValue
    unsafe c.pointee.value = value
  }
}
