// Where the answer of a call goes, whichever protocol brought it.

internal import VarveWire

/// One call's way back. A call is answered or refused once; parts may come before.
package protocol CallReply: Sendable {
  /// The whole answer of a unary call; empty for a stream of answers, whose parts it ends.
  func answer(_ message: [UInt8])
  /// The end of a stream of answers.
  func endParts()
  /// One message of several; false when nobody waits for it any more.
  func answerPart(_ message: [UInt8]) -> Bool
  /// The error that ends the call.
  func refuse(_ refusal: Refusal)
  /// Somebody still waits for the answer.
  var isWanted: Bool { get }
  /// A part that could be left out may be sent: not too much waits to be sent.
  var hasRoom: Bool { get }
}
