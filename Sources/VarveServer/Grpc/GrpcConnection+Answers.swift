// The answers of calls: messages and trailers.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension GrpcConnection {
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
    state.update { state in
      guard state.begin(stream) else { return }
      state.append(OutgoingBytes(GrpcMessageReader.framed(message)), to: stream)
      state.end(stream, GrpcStatus.ok)
    }
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
    state.update { state in
      if state.isOpen(stream) { state.end(stream, GrpcStatus.ok) }
    }
  }

  /// The error that ends a call.
  func refuse(_ stream: Int32, _ refusal: Refusal) {
    let method = state.update { $0.streams[stream]?.method?.name ?? "unknown" }
    let told = calls()?.judged(refusal, method: method) ?? refusal
    state.update { state in
      guard state.isOpen(stream) else { return }
      metrics.problem(told.problem)
      state.end(stream, GrpcStatus.trailers(told.problem))
    }
  }

  func isWanted(_ stream: Int32) -> Bool {
    state.update { !$0.isDead && $0.isOpen(stream) }
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

  /// Trailers behind what was sent; with the head, where nothing was. The call is counted when they
  /// are framed.
  mutating func end(_ stream: Int32, _ trailers: [Http2Session.Http2Field]) {
    streams[stream]?.isEnded = true
    if streams[stream]?.isHeadSent == true {
      http.end(stream, trailers)
    } else {
      http.respond(stream, GrpcStatus.only(trailers), isEnd: true)
    }
  }

  mutating func append(_ bytes: OutgoingBytes, to stream: Int32) {
    precondition(streams[stream] != nil, "bytes for a stream that is gone")
    streams[stream]?.append(bytes)
    bodyBytes += bytes.byteCount
    http.offer(stream, bytes.byteCount)
  }
}
