// The way back of a call that came over gRPC.

internal import VarveBase
internal import VarveWire

/// Answers on one stream. Counts as work of the connection while it lives, even when its stream has
/// ended long ago: a client that resets its streams gets no more done at once than one that does
/// not.
final class GrpcReply: CallReply {
  private let connection: GrpcConnection
  private let stream: Int32

  init(_ connection: GrpcConnection, _ stream: Int32) {
    self.connection = connection
    self.stream = stream
    connection.state.update { $0.workCount += 1 }
  }

  deinit { connection.state.update { $0.workCount -= 1 } }

  func answer(_ message: [UInt8]) { connection.answer(stream, message) }
  func endParts() { connection.finish(stream) }
  func answerPart(_ message: [UInt8]) -> Bool { connection.answerPart(stream, message) }
  func refuse(_ refusal: Refusal) { connection.refuse(stream, refusal) }
  var isWanted: Bool { connection.isWanted(stream) }

  var hasRoom: Bool {
    connection.state.update {
      $0.streams[stream].map { $0.queuedBytes < Limits.grpcProgressBytesMax } ?? false
    }
  }
}
