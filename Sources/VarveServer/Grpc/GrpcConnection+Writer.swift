// The writer: what HTTP/2 allows to be sent, page bytes straight from where they lie; and the clock
// of the connection: deadlines, silence, slowness.

internal import Logging
internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension GrpcConnection {
  private enum Turn {
    case batch(GrpcBatch, ReapedStreams)
    /// A deadline has come that is earlier than the one waited for.
    case again
    case finished
  }

  func runWriter() {
    let pace = GrpcBatch.Pace(windowNanos: settings.stallNanos, bytesMin: settings.dueBytes)
    while true {
      let wake = nextLook()
      guard let turn = state.wait(until: wake, { next(&$0) }) else {
        lookAround()
        continue
      }
      if case .again = turn { continue }
      guard case .batch(let batch, let reaped) = turn else { break }
      guard send(batch, reaped, pace) else { return kill() }
      metrics.bytesOut.add(batch.byteCount)
      state.update { $0.bodyBytes -= batch.bodyBytes }
      produceWhereWanted()
      if clock.monotonicNanos() >= wake { lookAround() }
    }
    // The peer shall read to the end before it sees the socket close, and gets a moment to do so.
    socket.shutdownSending()
    let deadline = clock.monotonicNanos() + UInt64(Limits.goAwayMillis) * 1_000_000
    state.update { $0.isSendingDone = true }
    if state.wait(until: deadline, { $0.isReaderDone ? true : nil }) == nil { kill() }
  }

  /// Sends a batch, and tells of the calls that end with it; false when the peer is gone.
  private func send(
    _ batch: GrpcBatch, _ reaped: ReapedStreams, _ pace: GrpcBatch.Pace
  ) -> Bool {
    var batch = batch
    // The engine has waited for the end of these puts long enough.
    reaped.abandonPuts()
    let start = clock.monotonicNanos()
    defer {
      // Streams share a batch, and each waits for all of it.
      for context in batch.contexts { context.add(since: start, to: .send) }
      conclude(reaped)
    }
    do {
      try batch.send(to: socket, clock: clock, pace: pace)
      return true
    } catch {
      if error == .stalled { stalled("sending") }
      return false
    }
  }

  /// What to send next; nil: nothing can be sent now.
  private func next(_ state: inout State) -> Turn? {
    if state.isDead { return .finished }
    let now = clock.monotonicNanos()
    let output = state.http.produce(bytesMax: Limits.grpcWriteBytes, nowNanos: now)
    if !output.isEmpty {
      let batch = GrpcBatch(output, from: &state.streams)
      return .batch(batch, state.reap(nowNanos: now))
    }
    if state.http.isFinished || (state.isReadOver && state.streams.isEmpty) { return .finished }
    guard state.isDeadlineNew else { return nil }
    state.isDeadlineNew = false
    return .again
  }

  // MARK: The clock

  /// When to look at the next deadline or at slowness.
  private func nextLook() -> UInt64 {
    let now = clock.monotonicNanos()
    return state.update { state in
      state.isDeadlineNew = false
      var wake = now + settings.stallNanos / 4
      for stream in state.streams.values where !stream.isEnded {
        if let deadline = stream.deadlineNanos { wake = min(wake, deadline) }
      }
      return wake
    }
  }

  /// Ends what is late or does not move.
  private func lookAround() {
    let now = clock.monotonicNanos()
    var late: [Int32] = []
    var slow: [Int32] = []
    var stuck = false
    let isIdle = state.update { state -> Bool in
      for (stream, call) in state.streams {
        if !call.isEnded, let deadline = call.deadlineNanos, deadline <= now {
          late.append(stream)
        } else if !receives(stream, now, &state) {
          slow.append(stream)
        }
        if !sends(stream, now, &state) { stuck = true }
      }
      guard settings.idleMillis > 0, state.streams.isEmpty else { return false }
      return now >= state.idleSinceNanos + UInt64(settings.idleMillis) * 1_000_000
    }
    for stream in late { endLate(stream) }
    for stream in slow { refuseSlow(stream) }
    if stuck {
      stalled("waiting for the client's window")
      state.update { state in
        state.http.fail(
          Http2Failure(
            Http2Code.enhanceYourCalm,
            "an answer moved less than \(settings.dueBytes) bytes in \(settings.stallMillis) ms"))
      }
    }
    if isIdle { state.update { $0.http.drain() } }
  }

  /// A deadline has passed. Where bytes of the answer still wait, the status would have to wait for
  /// them: the stream is reset instead, and the bytes are let go.
  private func endLate(_ stream: Int32) {
    let refusal = Refusal(.deadlineExceeded, "the deadline has passed")
    let isWaiting = state.update { state in
      guard let call = state.streams[stream], call.queuedBytes > 0 else { return false }
      metrics.problem(refusal.problem)
      state.streams[stream]?.isEnded = true
      state.http.reset(stream, Http2Code.cancel)
      return true
    }
    if !isWaiting { refuse(stream, refusal) }
  }

  private func refuseSlow(_ stream: Int32) {
    stalled("receiving")
    refuse(
      stream,
      Refusal(
        .deadlineExceeded,
        "less than \(settings.dueBytes) bytes of the request came within "
          + "\(settings.stallMillis) ms; send faster", limit: "min_rate",
        limitValue: UInt64(settings.bytesPerSecondMin)))
  }

  /// Whether a request's body comes fast enough. Streams that live on silence are not asked.
  private func receives(_ stream: Int32, _ now: UInt64, _ state: inout State) -> Bool {
    guard let call = state.streams[stream], !call.isEnded, call.isReceiving,
      call.watch == nil, call.method != .reflection
    else { return true }
    return state.streams[stream]?.receiving.isMoving(
      nowNanos: now, windowNanos: settings.stallNanos, dueBytes: settings.dueBytes) ?? true
  }

  /// Whether an answer leaves fast enough: what waits now must, up to the rate, be gone by the
  /// end of the next window.
  private func sends(_ stream: Int32, _ now: UInt64, _ state: inout State) -> Bool {
    guard let queued = state.streams[stream]?.queuedBytes else { return true }
    return state.streams[stream]?.sending.isMoving(
      nowNanos: now, windowNanos: settings.stallNanos, dueBytes: min(queued, settings.dueBytes))
      ?? true
  }
}
