// What makes a frame bad, with the evidence. A bad frame ends its connection: GOAWAY with
// INVALID_ARGUMENT, then close.

/// A frame that breaks a rule of the protocol.
package enum FrameError: Error, Hashable, Sendable {
  case magic(found: [UInt8])
  case checksum(expected: UInt32, found: UInt32)
  case reserved(UInt32)
  case unknownFlags(UInt8)
  case flagsNotAllowed(FrameType, UInt8)
  case messageTooLong(FrameType, byteCount: UInt64, limit: Int)
  case payloadTooLong(FrameType, byteCount: UInt64, limit: Int)
  case messageNotAllowed(FrameType, byteCount: UInt64)
  case payloadNotAllowed(FrameType, byteCount: UInt64)
  case evenStream(UInt32)
  case streamNotAllowed(FrameType, UInt32)
  case streamMissing(FrameType)
  case streamNotRising(UInt32, last: UInt32)
  case streamNeverOpened(FrameType, UInt32)
  case notFromThisSide(FrameType)
  case helloMissing(FrameType)
  case secondHello
  case message(FrameType, WireError)
  case windowOverflow(UInt32)

  /// The Problem of the GOAWAY; `limit` and `value` are set where a number was at fault.
  package var problem: Problem {
    var problem = Problem(.invalidArgument, "bad frame: \(text)")
    switch self {
    case .messageTooLong(let type, let count, let limit):
      problem.limit = type == .hello ? "helloBytesMax" : "messageBytesMax"
      problem.limitValue = UInt64(limit)
      problem.value = count
    case .payloadTooLong(let type, let count, let limit):
      problem.limit = type == .ping || type == .pong ? "pingBytesMax" : "max_payload"
      problem.limitValue = UInt64(limit)
      problem.value = count
    default: break
    }
    return problem
  }

  private var text: String {
    switch self {
    case .magic(let found): "the magic is \(found), not VRV1"
    case .checksum(let expected, let found):
      "the head's CRC32C is \(expected), the frame says \(found)"
    case .reserved(let value): "the reserved field is \(value), not 0"
    case .unknownFlags(let flags): "flags \(flags) have unknown bits"
    case .flagsNotAllowed(let type, let flags): "\(type.name) with flags \(flags)"
    case .messageTooLong(let type, let count, let limit):
      "\(type.name) with a header of \(count) bytes is over \(limit)"
    case .payloadTooLong(let type, let count, let limit):
      "\(type.name) with a payload of \(count) bytes is over \(limit)"
    case .messageNotAllowed(let type, let count): "\(type.name) with a header of \(count) bytes"
    case .payloadNotAllowed(let type, let count): "\(type.name) with a payload of \(count) bytes"
    case .evenStream(let id): "stream id \(id) is even"
    case .streamNotAllowed(let type, let id): "\(type.name) belongs on stream 0, not on \(id)"
    case .streamMissing(let type): "\(type.name) on stream 0"
    case .streamNotRising(let id, let last): "REQUEST id \(id) is not above the last, \(last)"
    case .streamNeverOpened(let type, let id): "\(type.name) for stream \(id), never opened"
    case .notFromThisSide(let type): "\(type.name) does not come from this side"
    case .helloMissing(let type): "\(type.name) before HELLO"
    case .secondHello: "a second HELLO"
    case .message(let type, let error): "\(type.name): \(error.problem.message)"
    case .windowOverflow(let id): "the windows of stream \(id) sum up over 2^63-1 bytes"
    }
  }
}
