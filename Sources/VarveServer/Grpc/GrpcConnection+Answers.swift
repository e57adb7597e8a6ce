// The ends of calls: messages, trailers, and what is counted.

internal import Logging
internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension GrpcConnection {
  /// A call that has just been answered.
  struct EndedCall {
    let context: RequestContext
    let nanos: UInt64
  }

  /// The whole answer of a unary call.
  func answer(_ stream: Int32, _ message: [UInt8]) {
    let limit = Limits.messageBytesMax
    guard message.count <= limit else {
      return refuse(
        stream,
        Refusal(
          .resourceExhausted,
          "the answer has \(message.count) bytes, over messageBytesMax \(limit); ask for less",
          limit: "messageBytesMax", limitValue: UInt64(limit), value: UInt64(message.count)))
    }
    let done = state.update { state -> EndedCall? in
      guard state.begin(stream) else { return nil }
      state.append(OutgoingBytes(GrpcMessageReader.framed(message)), to: stream)
      return end(stream, GrpcStatus.ok, &state)
    }
    if let done { conclude(done) }
  }

  /// One message of several; false when nobody waits for it.
  func answerPart(_ stream: Int32, _ message: [UInt8]) -> Bool {
    state.update { state in
      guard state.begin(stream) else { return false }
      state.append(OutgoingBytes(GrpcMessageReader.framed(message)), to: stream)
      return true
    }
  }

  /// The good end of an answer whose messages are all made.
  func finish(_ stream: Int32) {
    let done = state.update { state -> EndedCall? in
      guard state.isOpen(stream) else { return nil }
      guard state.streams[stream]?.isHeadSent == true else {
        return endOnly(stream, GrpcStatus.ok, &state)
      }
      return end(stream, GrpcStatus.ok, &state)
    }
    if let done { conclude(done) }
  }

  /// The error that ends a call.
  func refuse(_ stream: Int32, _ refusal: Refusal) {
    let method = state.update { $0.streams[stream]?.method?.name ?? "unknown" }
    let told = calls()?.judged(refusal, method: method) ?? refusal
    let done = state.update { state -> EndedCall? in
      guard state.isOpen(stream) else { return nil }
      metrics.problem(told.problem)
      let trailers = GrpcStatus.trailers(told.problem)
      guard state.streams[stream]?.isHeadSent == true else {
        return endOnly(stream, trailers, &state)
      }
      return end(stream, trailers, &state)
    }
    if let done { conclude(done) }
  }

  func isWanted(_ stream: Int32) -> Bool {
    state.update { !$0.isDead && $0.isOpen(stream) }
  }

  /// Trailers behind what was sent.
  func end(
    _ stream: Int32, _ trailers: [Http2Session.Http2Field], _ state: inout State
  ) -> EndedCall? {
    state.streams[stream]?.isEnded = true
    state.http.end(stream, trailers)
    return ended(stream, state)
  }

  /// Head and trailers in one.
  private func endOnly(
    _ stream: Int32, _ trailers: [Http2Session.Http2Field], _ state: inout State
  ) -> EndedCall? {
    state.streams[stream]?.isEnded = true
    state.http.respond(stream, GrpcStatus.only(trailers), isEnd: true)
    return ended(stream, state)
  }

  /// Counts a call's end, under the state's lock: whoever sees the answer sees it counted.
  private func ended(_ stream: Int32, _ state: State) -> EndedCall? {
    guard let context = state.streams[stream]?.context else { return nil }
    return EndedCall(context: context, nanos: context.end())
  }

  func conclude(_ call: EndedCall) {
    call.context.conclude(
      nanos: call.nanos, slowMillis: settings.slowRequestMillis, logger: logger)
  }
}

extension GrpcConnection.State {
  /// Whether an answer can still be given.
  func isOpen(_ stream: Int32) -> Bool {
    guard !isDead, http.isOpen(stream), let call = streams[stream] else { return false }
    return !call.isEnded
  }

  /// Sends the head of the answer unless it was; false when no answer can be given.
  mutating func begin(_ stream: Int32) -> Bool {
    guard isOpen(stream) else { return false }
    if streams[stream]?.isHeadSent == false {
      streams[stream]?.isHeadSent = true
      http.respond(stream, GrpcStatus.head)
    }
    return true
  }

  mutating func append(_ bytes: OutgoingBytes, to stream: Int32) {
    precondition(streams[stream] != nil, "bytes for a stream that is gone")
    streams[stream]?.append(bytes)
    bodyBytes += bytes.byteCount
    http.offer(stream, bytes.byteCount)
  }
}
