// Puts: page bytes from the socket into the engine's memory, without a stop between.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension ConnectionReader {
  func beginPut(_ stream: UInt32, _ header: PutHeader, isLast: Bool) throws(Refusal) {
    let held = puts.values.reduce(0) { $0 + $1.bufferBytes }
    let put = try connection.calls.put(header, connection.context(of: stream), held: held)
    let isNothingNeeded = put.need.allSatisfy { $0 == 0 }
    if header.ask, isLast, !isNothingNeeded {
      // The client has said that nothing will come: need is of no use to it, the result is.
      return finish(put, stream)
    }
    if header.ask {
      let message = PutResponse.need(put.need).encode()
      if isNothingNeeded {
        _ = connection.answerPart(stream, message)
        return finish(put, stream)
      }
      heldNeeds.append((stream, message))
    } else if isLast {
      return finish(put, stream)
    }
    puts[stream] = put
  }

  /// Receives the payload of a DATA frame to where the put wants it.
  func receivePut(_ stream: UInt32, _ byteCount: Int, isLast: Bool) throws(ReadEnd) {
    if heldNeeds.contains(where: { $0.stream == stream }) {
      heldNeeds.removeAll { $0.stream == stream }
      breakOff(stream, Refusal(.invalidArgument, "DATA before need was sent: wait for it"))
      return try dropPayload(byteCount)
    }
    guard let put = puts[stream] else { return try dropPayload(byteCount) }
    var rest = byteCount
    while rest > 0 {
      switch put.nextDestination() {
      case .memory(let memory):
        let room = unsafe UnsafeMutableRawBufferPointer(
          rebasing: memory[0..<min(rest, memory.count)])
        let count = try unsafe takePayload(into: room)
        put.received(count)
        rest -= count
      case .skip(let most):
        let count = min(rest, most)
        try dropPayload(count)
        put.received(count)
        rest -= count
      case .end:
        breakOff(
          stream,
          Refusal(
            .invalidArgument, "\(rest) bytes of DATA more than the pages have",
            value: UInt64(rest)))
        return try dropPayload(rest)
      }
    }
    grant(stream, byteCount)
    guard isLast else { return }
    puts[stream] = nil
    finish(put, stream)
  }

  /// The client's end of file: what it promised will not come.
  func breakOffPuts() {
    for (stream, put) in puts { finish(put, stream) }
    puts = [:]
  }

  private func finish(_ put: PutSession, _ stream: UInt32) {
    let context = connection.context(of: stream)
    // The put's own memory being written is the disk's time, not the client's.
    context?.add(put.waitedNanos, to: .disk)
    context?.add(since: put.begunNanos, without: put.waitedNanos, to: .receive)
    let finished = connection.clock.monotonicNanos()
    put.finish { [connection] outcomes in
      context?.add(since: finished, to: .disk)
      let statuses = outcomes.map { PageStatus(wire: UInt32($0.rawValue)) }
      connection.answer(stream, PutResponse.result(statuses).encode())
    }
  }

  /// Refuses the call; whole verified pages stay.
  private func breakOff(_ stream: UInt32, _ refusal: Refusal) {
    puts.removeValue(forKey: stream)?.finish { _ in }
    connection.refuse(stream, refusal)
  }

  /// Gives back the window that the bytes took, where there is one.
  private func grant(_ stream: UInt32, _ byteCount: Int) {
    connection.state.change { state, wake in
      guard let frame = state.session.grant(on: stream, bytes: UInt64(byteCount)) else { return }
      connection.enqueue(frame, &state)
      wake = .everybody
    }
  }
}
