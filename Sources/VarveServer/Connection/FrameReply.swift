// The way back of a call that came in frames.

internal import VarveBase
internal import VarveWire

/// Answers on one stream of a framed connection.
struct FrameReply: CallReply {
  let connection: Connection
  let stream: UInt32

  func answer(_ message: [UInt8]) { connection.answer(stream, message) }

  /// The RESPONSE with flag 1 and an empty header, which is no message (contract).
  func endParts() { connection.answer(stream, []) }

  func answerPart(_ message: [UInt8]) -> Bool { connection.answerPart(stream, message) }

  func refuse(_ refusal: Refusal) { connection.refuse(stream, refusal) }

  var isWanted: Bool {
    connection.state.update { !$0.isDead && !$0.isClosing && $0.session.isOpen(stream) }
  }

  var hasRoom: Bool {
    connection.state.update { $0.control.count < Limits.outgoingFramesMax / 2 }
  }
}
