// The 32 bytes that begin every frame. Everything that can be judged from them alone is judged
// here, before a byte of the message is kept.
//
// | offset | bytes | field (little-endian)                          |
// |--------|-------|------------------------------------------------|
// | 0      | 4     | magic "VRV1"                                   |
// | 4      | 1     | type                                           |
// | 5      | 1     | flags                                          |
// | 6      | 2     | method                                         |
// | 8      | 4     | stream id, 0 = the connection                  |
// | 12     | 4     | length of the message that follows             |
// | 16     | 8     | length of the payload after it                 |
// | 24     | 4     | reserved, 0                                    |
// | 28     | 4     | CRC32C of bytes 0 to 27                        |

internal import VarveBase

/// What a frame is. A number this release does not know is kept, for it is not an error by itself.
package struct FrameType: RawRepresentable, Hashable, Sendable {
  // On the wire: never renumber.
  package static let hello = FrameType(rawValue: 1)
  package static let helloOk = FrameType(rawValue: 2)
  package static let request = FrameType(rawValue: 3)
  package static let data = FrameType(rawValue: 4)
  package static let response = FrameType(rawValue: 5)
  package static let cancel = FrameType(rawValue: 6)
  package static let window = FrameType(rawValue: 7)
  package static let ping = FrameType(rawValue: 8)
  package static let pong = FrameType(rawValue: 9)
  package static let goAway = FrameType(rawValue: 10)

  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package var isKnown: Bool { (1...10).contains(rawValue) }

  package var name: String {
    let names = [
      "HELLO", "HELLO_OK", "REQUEST", "DATA", "RESPONSE", "CANCEL", "WINDOW", "PING", "PONG",
      "GOAWAY",
    ]
    return isKnown ? names[Int(rawValue) - 1] : "type \(rawValue)"
  }
}

/// Flags of a frame.
package struct FrameFlags: OptionSet, Hashable, Sendable {
  /// The last frame of this stream from this side.
  package static let last = FrameFlags(rawValue: 1)
  /// The message is a `Problem`.
  package static let error = FrameFlags(rawValue: 2)
  package static let known: FrameFlags = [.last, .error]

  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// The head of a frame.
package struct FrameHeader: Hashable, Sendable {
  package static let byteCount = Limits.frameHeaderBytes
  package static let magic: [UInt8] = Array("VRV1".utf8)

  package var type: FrameType
  package var flags: FrameFlags
  package var method: UInt16
  package var stream: UInt32
  package var messageBytes: Int
  package var payloadBytes: Int

  package init(
    _ type: FrameType, flags: FrameFlags = [], method: UInt16 = 0, stream: UInt32 = 0,
    messageBytes: Int = 0, payloadBytes: Int = 0
  ) {
    self.type = type
    self.flags = flags
    self.method = method
    self.stream = stream
    self.messageBytes = messageBytes
    self.payloadBytes = payloadBytes
  }
}
