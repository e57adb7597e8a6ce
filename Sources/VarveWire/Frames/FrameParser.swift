// Bytes in, frames out, whatever the split. Holds one head and one message at most; payloads pass
// it by, so that the driver can receive them straight to where they belong.

internal import VarveBase

/// One frame as far as it is held in memory: its head, its message, and PING's and PONG's payload.
package struct Frame: Hashable, Sendable {
  package var header: FrameHeader
  package var message: [UInt8]
  /// The up to 64 bytes of a PING or PONG; other payloads follow on the connection.
  package var echo: [UInt8]

  package init(header: FrameHeader, message: [UInt8] = [], echo: [UInt8] = []) {
    self.header = header
    self.message = message
    self.echo = echo
  }
}

/// Cuts a byte stream into frames.
///
/// Feed it bytes until it gives a frame; then, while `payloadRemaining` is not 0, the next bytes of
/// the connection are payload: take them past the parser and say how many with `skip`.
package struct FrameParser: Sendable {
  private enum State {
    case head
    case body(FrameHeader, messageBytes: Int, echoBytes: Int)
    case payload
    case broken(FrameError)
  }

  /// Largest payload that this side takes.
  package let payloadBytesMax: Int
  /// Payload bytes of the last frame that have not been skipped.
  package private(set) var payloadRemaining = 0
  private var state = State.head
  private var buffer: [UInt8] = []

  package init(payloadBytesMax: Int = Limits.payloadBytesMax) {
    precondition((0...Limits.payloadBytesMax).contains(payloadBytesMax), "payload limit")
    self.payloadBytesMax = payloadBytesMax
  }

  /// Bytes held of a frame that is not whole: what the connection costs while its client is silent.
  package var bufferedBytes: Int { buffer.count }

  /// How many bytes the parser takes next without a frame's end passing: a driver that receives no
  /// more than this never sees payload bytes in its own buffer.
  package var wanted: Int {
    switch state {
    case .head: FrameHeader.byteCount - buffer.count
    case .body(_, let message, let echo): message + echo - buffer.count
    case .payload, .broken: 0
    }
  }

  /// Takes bytes from `offset` on until a frame is whole or the bytes end; `offset` moves along.
  /// After an error every further call throws it again.
  package mutating func feed(
    _ bytes: RawSpan, from offset: inout Int
  ) throws(FrameError) -> Frame? {
    precondition(payloadRemaining == 0, "\(payloadRemaining) payload bytes were not skipped")
    while true {
      switch state {
      case .head:
        guard take(FrameHeader.byteCount, bytes, &offset) else {
          try checkMagic()
          return nil
        }
        try beginBody()
      case .body(let header, let messageBytes, let echoBytes):
        guard take(messageBytes + echoBytes, bytes, &offset) else { return nil }
        return finish(header, messageBytes, echoBytes)
      case .payload: state = .head
      case .broken(let error): throw error
      }
    }
  }

  /// Says that `count` payload bytes were taken from the connection.
  package mutating func skip(_ count: Int) {
    precondition(count >= 0 && count <= payloadRemaining, "skipped more than the payload")
    payloadRemaining -= count
  }

  private mutating func take(_ total: Int, _ bytes: RawSpan, _ offset: inout Int) -> Bool {
    let count = min(total - buffer.count, bytes.byteCount - offset)
    if count > 0 {
      unsafe bytes.extracting(offset..<offset + count).withUnsafeBytes {
        unsafe buffer.append(contentsOf: $0)
      }
      offset += count
    }
    return buffer.count == total
  }

  // Judged on the first byte that differs: someone who speaks another protocol may wait for an
  // answer before sending 32 bytes.
  private mutating func checkMagic() throws(FrameError) {
    let begun = Array(buffer.prefix(FrameHeader.magic.count))
    guard !FrameHeader.magic.starts(with: begun) else { return }
    buffer = []
    state = .broken(.magic(found: begun))
    throw .magic(found: begun)
  }

  // The message's length is judged here, while the buffer holds nothing but the head; the buffer
  // then grows with the bytes that really come, never by what a head promises.
  private mutating func beginBody() throws(FrameError) {
    do throws(FrameError) {
      let header = try FrameHeader(decoding: buffer.rawSpan, payloadBytesMax: payloadBytesMax)
      let echoes = header.type == .ping || header.type == .pong
      buffer.removeAll(keepingCapacity: buffer.capacity <= Self.keptBytesMax)
      state = .body(
        header, messageBytes: header.messageBytes, echoBytes: echoes ? header.payloadBytes : 0)
    } catch {
      buffer = []
      state = .broken(error)
      throw error
    }
  }

  private mutating func finish(
    _ header: FrameHeader, _ messageBytes: Int, _ echoBytes: Int
  ) -> Frame {
    var frame = Frame(header: header)
    if echoBytes > 0 {
      frame.echo = Array(buffer[messageBytes...])
    } else {
      payloadRemaining = header.payloadBytes
    }
    if messageBytes > Self.keptBytesMax {
      // A long message is handed over, not copied.
      frame.message = buffer
      buffer = []
    } else {
      frame.message = Array(buffer[..<messageBytes])
      buffer.removeAll(keepingCapacity: true)
    }
    state = payloadRemaining > 0 ? .payload : .head
    return frame
  }

  private static let keptBytesMax = 64 << 10
}
