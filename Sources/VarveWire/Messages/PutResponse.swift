// What the server answers to a Put: first which pages it needs (with `ask`), then each page's
// status.

internal import CVarveProto

/// One message of a Put's answer.
package enum PutResponse: WireMessage, Hashable {
  /// Bitmap of the pages whose bytes are wanted: bit i % 8 of byte i / 8 is page first + i.
  case need([UInt8])
  case result([PageStatus])
  /// Neither is set: what a peer of a later release may send.
  case none
}

extension PutResponse: ProtobufMessage {
  static var defaults: PutResponse { .none }

  static func place(_ arena: MessageArena) -> UnsafeMutableRawPointer {
    let c = unsafe arena.place(Varve__V1__PutResponse())
    unsafe varve__v1__put_response__init(c)
    return UnsafeMutableRawPointer(c)
  }

  init(at pointer: UnsafeRawPointer) throws(WireError) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PutResponse.self).pointee
    switch unsafe c.part_case {
    case VARVE__V1__PUT_RESPONSE__PART_NEED:
      self = unsafe .need(ProtobufArray.bytes(c.need))
    case VARVE__V1__PUT_RESPONSE__PART_RESULT:
      guard let result = unsafe c.result else {
        self = .result([])
        return
      }
      self = .result(try unsafe PutResult(at: result).status)
    default:
      self = .none
    }
  }

  func fill(_ pointer: UnsafeMutableRawPointer, _ arena: MessageArena) {
    let c = unsafe pointer.assumingMemoryBound(to: Varve__V1__PutResponse.self)
    switch self {
    case .need(let bits):
      unsafe c.pointee.part_case = VARVE__V1__PUT_RESPONSE__PART_NEED
      unsafe c.pointee.need = unsafe arena.bytes(bits)
    case .result(let status):
      unsafe c.pointee.part_case = VARVE__V1__PUT_RESPONSE__PART_RESULT
      unsafe c.pointee.result = unsafe arena.always(PutResult(status: status))
    case .none:
      break
    }
  }
}
