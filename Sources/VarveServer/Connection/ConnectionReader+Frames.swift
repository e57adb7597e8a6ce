// What the reader does with each frame: asks the session, carries out its actions in order.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension ConnectionReader {
  func handle(_ frame: Frame) throws(ReadEnd) {
    let actions = connected { $0.receive(frame) }
    for action in actions { try carryOut(action) }
  }

  /// A frame that is none. What looks like another protocol gets a word it may show to a person.
  func handle(bad error: FrameError) {
    connection.calls.metrics.badFrames.add()
    perform { session in
      guard case .magic(let found) = error, let other = Self.otherProtocol(found) else {
        return session.fail(error)
      }
      return session.goAway(Problem(.invalidArgument, "\(other) is not served by this version"))
    }
  }

  /// The first byte of a TLS handshake record.
  private static func otherProtocol(_ found: [UInt8]) -> String? {
    found.first == 0x16 ? "TLS" : nil
  }

  /// Lets the session act from outside a frame.
  func perform(_ body: (inout ServerSession) -> [ServerSession.Action]) {
    for action in connected(body) where action == .close {
      connection.state.update { $0.isClosing = true }
    }
  }

  /// Runs the session and queues what it wants sent before anyone else can make a head.
  private func connected(
    _ body: (inout ServerSession) -> [ServerSession.Action]
  ) -> [ServerSession.Action] {
    var told: [[UInt8]] = []
    let actions = connection.state.change { state, wake in
      let actions = body(&state.session)
      if Self.concernsWriter(actions) { wake = .everybody }
      for action in actions {
        switch action {
        case .send(let bytes):
          connection.enqueue(bytes, &state)
          told.append(bytes)
        case .stop(let stream):
          state.dropGet(stream)
          state.calls[stream] = nil
        default: break
        }
      }
      return actions
    }
    for bytes in told { countProblem(bytes) }
    return actions
  }

  /// A request or data that begins here gives the writer nothing to do, and can end nothing. No
  /// actions at all may be the client's GOAWAY, behind which the writer may find itself done.
  private static func concernsWriter(_ actions: [ServerSession.Action]) -> Bool {
    actions.isEmpty
      || actions.contains { action in
        switch action {
        case .request, .data: false
        default: true
        }
      }
  }

  /// Counts the problems that the session framed by itself.
  private func countProblem(_ frame: [UInt8]) {
    do {
      let header = try FrameHeader(decoding: frame.rawSpan)
      guard header.flags.contains(.error) else { return }
      let message = Array(frame[FrameHeader.byteCount...])
      connection.calls.metrics.problem(try Problem(decoding: message.rawSpan))
    } catch {
      preconditionFailure("the session made a frame that is none: \(error)")
    }
  }

  private func carryOut(_ action: ServerSession.Action) throws(ReadEnd) {
    switch action {
    case .send, .window:
      // Sent already; a window wakes the writer through the state's change.
      break
    case .hello: greeted()
    case .request(let stream, let method, let message, let isLast):
      begin(stream, method, message, isLast: isLast)
    case .data(let stream, let byteCount, let isLast):
      try receivePut(stream, byteCount, isLast: isLast)
    case .discard(let byteCount): try dropPayload(byteCount)
    case .stop(let stream):
      puts.removeValue(forKey: stream)?.finish { _ in }
      heldNeeds.removeAll { $0.stream == stream }
    case .close: connection.state.update { $0.isClosing = true }
    }
  }

  /// Sends the needs that were held back before the last frame was handled.
  func sendNeeds(_ held: [(stream: UInt32, message: [UInt8])]) {
    for need in held where heldNeeds.contains(where: { $0.stream == need.stream }) {
      heldNeeds.removeAll { $0.stream == need.stream }
      _ = connection.answerPart(need.stream, need.message)
    }
  }
}
