// Head to bytes and back.

internal import VarveBase

extension FrameHeader {
  /// The 32 bytes.
  package func encode() -> [UInt8] { frame([]) }

  /// The 32 bytes and, behind them, the message, whose length they tell, or what else is short.
  package func frame(_ message: [UInt8]) -> [UInt8] {
    precondition(messageBytes >= 0 && messageBytes <= Limits.messageBytesMax, "message too long")
    precondition(payloadBytes >= 0 && payloadBytes <= Limits.payloadBytesMax, "payload too long")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.byteCount + message.count)
    bytes.appendLE(Self.magicWord)
    bytes.append(type.rawValue)
    bytes.append(flags.rawValue)
    bytes.appendLE(method)
    bytes.appendLE(stream)
    bytes.appendLE(UInt32(messageBytes))
    bytes.appendLE(UInt64(payloadBytes))
    bytes.appendLE(UInt32(0))
    bytes.appendLE(CRC32C.checksum(bytes))
    bytes += message
    return bytes
  }

  /// The magic as the number that its bytes are.
  private static let magicWord = {
    let bytes = magic
    return bytes.rawSpan.load(0, as: UInt32.self)
  }()

  /// Reads and judges the first 32 of `bytes`, which must be there.
  ///
  /// - Parameter payloadBytesMax: what this side said it takes (HELLO's or HELLO_OK's
  ///   `max_payload`).
  package init(
    decoding bytes: RawSpan, payloadBytesMax: Int = Limits.payloadBytesMax
  ) throws(FrameError) {
    precondition(bytes.byteCount >= Self.byteCount, "a frame's head has \(Self.byteCount) bytes")
    guard bytes.load(0) == Self.magicWord else { throw .magic(found: bytes.copy(0, count: 4)) }
    let expected = CRC32C.checksum(bytes.extracting(0..<28))
    let found: UInt32 = bytes.load(28)
    guard expected == found else { throw .checksum(expected: expected, found: found) }
    let reserved: UInt32 = bytes.load(24)
    guard reserved == 0 else { throw .reserved(reserved) }
    type = FrameType(rawValue: bytes.load(4))
    flags = FrameFlags(rawValue: bytes.load(5))
    method = bytes.load(6)
    stream = bytes.load(8)
    messageBytes = 0
    payloadBytes = 0
    try Self.checkFlags(type, flags)
    try Self.checkStream(type, stream)
    messageBytes = try Self.checkedMessage(type, UInt64(bytes.load(12, as: UInt32.self)))
    payloadBytes = try Self.checkedPayload(type, bytes.load(16), payloadBytesMax)
  }

  private static func checkFlags(_ type: FrameType, _ flags: FrameFlags) throws(FrameError) {
    guard flags.isSubset(of: .known) else { throw .unknownFlags(flags.rawValue) }
    let isAllowed =
      switch type {
      case .hello, .helloOk, .window, .ping, .pong: flags.isEmpty
      case .request, .data: !flags.contains(.error)
      case .response: flags != .error
      case .cancel: flags == .last
      case .goAway: flags == .error
      default: true
      }
    guard isAllowed else { throw .flagsNotAllowed(type, flags.rawValue) }
  }

  private static func checkStream(_ type: FrameType, _ stream: UInt32) throws(FrameError) {
    guard stream == 0 || stream % 2 == 1 else { throw .evenStream(stream) }
    switch type {
    case .hello, .helloOk, .ping, .pong, .goAway:
      guard stream == 0 else { throw .streamNotAllowed(type, stream) }
    case .request, .data, .response, .cancel, .window:
      guard stream != 0 else { throw .streamMissing(type) }
    default: return
    }
  }

  private static func checkedMessage(_ type: FrameType, _ count: UInt64) throws(FrameError) -> Int {
    let limit = type == .hello ? Limits.helloBytesMax : Limits.messageBytesMax
    guard count <= UInt64(limit) else {
      throw .messageTooLong(type, byteCount: count, limit: limit)
    }
    switch type {
    case .data, .cancel, .ping, .pong:
      guard count == 0 else { throw .messageNotAllowed(type, byteCount: count) }
    default: break
    }
    return Int(count)
  }

  private static func checkedPayload(
    _ type: FrameType, _ count: UInt64, _ payloadBytesMax: Int
  ) throws(FrameError) -> Int {
    switch type {
    case .hello, .helloOk, .request, .cancel, .window, .goAway:
      guard count == 0 else { throw .payloadNotAllowed(type, byteCount: count) }
    default: break
    }
    let small = type == .ping || type == .pong
    let limit = small ? Limits.pingBytesMax : payloadBytesMax
    guard count <= UInt64(limit) else {
      throw .payloadTooLong(type, byteCount: count, limit: limit)
    }
    return Int(count)
  }
}
