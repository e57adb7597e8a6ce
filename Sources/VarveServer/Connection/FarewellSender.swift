// The GOAWAY to a connection that is not let in.

internal import VarveBase
internal import VarveWire

enum FarewellSender {
  /// Sends the problem and waits up to a second for the client to close: closing first, with its
  /// HELLO unread, would reset the connection and could take the GOAWAY with it.
  ///
  /// - Parameter isFramed: the client has been found to speak frames; else its first bytes tell.
  static func send(
    _ problem: Problem, to socket: Socket, clock: any Clock, isFramed: Bool = false
  ) {
    socket.setTimeouts(receiveMillis: Limits.goAwayMillis, sendMillis: Limits.goAwayMillis)
    let deadline = clock.monotonicNanos() + UInt64(Limits.goAwayMillis) * 1_000_000
    var received: [UInt8] = []
    // A client that is silent for so long is told in frames.
    if !isFramed { try? socket.receive(appendingTo: &received) }
    if received.starts(with: Array("PRI ".utf8)) {
      let failure = Http2Failure(Http2Code.enhanceYourCalm, problem.message)
      do { try socket.send(failure.farewell) } catch { return }
    } else {
      var session = ServerSession()
      for case .send(let bytes) in session.goAway(problem) {
        do { try socket.send(bytes) } catch { return }
      }
    }
    socket.shutdownSending()
    while clock.monotonicNanos() < deadline, received.count < Limits.helloBytesMax * 4 {
      let before = received.count
      do { try socket.receive(appendingTo: &received) } catch { return }
      if received.count == before { return }
    }
  }
}
