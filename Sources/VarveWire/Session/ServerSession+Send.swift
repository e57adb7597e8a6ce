// The heads of what the server sends. Each returns the head (and message) to be written before the
// payload it promises, or nil when the stream is over: then nothing may be sent on it.

internal import VarveBase

extension ServerSession {
  /// How many payload bytes the next frame of this stream may carry; nil when the stream is over.
  /// 0 means that the client's window is used up: wait for `.window`.
  package func sendableBytes(on stream: UInt32) -> Int? {
    guard let state = streams[stream] else { return nil }
    guard let credit = state.sendCredit else { return clientMaxPayload }
    return Int(min(credit, UInt64(clientMaxPayload)))
  }

  /// A RESPONSE; `payloadBytes`, at most `sendableBytes`, follow it. A message that is longer than
  /// a frame's may be (a list of very many namespaces) ends the call with RESOURCE_EXHAUSTED
  /// instead.
  package mutating func response(
    on stream: UInt32, _ message: [UInt8] = [], payloadBytes: Int = 0, last: Bool
  ) -> [UInt8]? {
    guard message.count > Limits.messageBytesMax else {
      return head(.response, on: stream, message, payloadBytes, last)
    }
    precondition(payloadBytes == 0, "a run of pages over the limit of a message")
    return problem(
      on: stream,
      Problem(
        .resourceExhausted,
        "the answer has \(message.count) bytes, over messageBytesMax \(Limits.messageBytesMax); "
          + "ask for less", limit: "messageBytesMax",
        limitValue: UInt64(Limits.messageBytesMax), value: UInt64(message.count)))
  }

  /// A DATA frame; `payloadBytes`, at most `sendableBytes`, follow it.
  package mutating func data(
    on stream: UInt32, payloadBytes: Int, last: Bool = false
  ) -> [UInt8]? {
    head(.data, on: stream, [], payloadBytes, last)
  }

  /// The error that ends the call.
  package mutating func problem(on stream: UInt32, _ problem: Problem) -> [UInt8]? {
    guard let state = streams.removeValue(forKey: stream) else { return nil }
    return Self.problemFrame(stream, state.method, problem)
  }

  /// A WINDOW that lets the client send `bytes` more; nil when there is nothing to grant: the
  /// stream is over, has no window, or its client is done.
  package mutating func grant(on stream: UInt32, bytes: UInt64) -> [UInt8]? {
    guard var state = streams[stream], let credit = state.receiveCredit, !state.clientIsDone,
      bytes > 0
    else { return nil }
    precondition(bytes <= UInt64(Int64.max) - credit, "granted more than 2^63-1 bytes")
    state.receiveCredit = credit + bytes
    streams[stream] = state
    let message = Window(bytes: bytes).encode()
    let head = FrameHeader(
      .window, method: state.method, stream: stream, messageBytes: message.count)
    return head.frame(message)
  }

  private mutating func head(
    _ type: FrameType, on stream: UInt32, _ message: [UInt8], _ payloadBytes: Int, _ last: Bool
  ) -> [UInt8]? {
    guard let sendable = sendableBytes(on: stream), var state = streams[stream] else { return nil }
    precondition(payloadBytes <= sendable, "\(payloadBytes) payload bytes, \(sendable) allowed")
    if let credit = state.sendCredit { state.sendCredit = credit - UInt64(payloadBytes) }
    streams[stream] = last ? nil : state
    let head = FrameHeader(
      type, flags: last ? .last : [], method: state.method, stream: stream,
      messageBytes: message.count, payloadBytes: payloadBytes)
    return head.frame(message)
  }
}
