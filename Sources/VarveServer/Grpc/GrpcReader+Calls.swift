// From a request's fields and messages to its call.

internal import Logging
internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension GrpcReader {
  func begin(_ stream: Int32, _ fields: Http2Fields, isEnd: Bool) {
    let head: GrpcRequestHead
    do throws(GrpcRequestHead.Refused) {
      head = try GrpcRequestHead(fields)
    } catch {
      open(stream, nil, nil, isReceiving: !isEnd)
      bodies[stream] = .nobody
      switch error {
      case .problem(let problem): return connection.refuse(stream, Refusal(problem))
      case .http(let status):
        return connection.state.update { state in
          state.streams[stream]?.isEnded = true
          state.http.respond(stream, GrpcStatus.http(status), isEnd: true)
        }
      }
    }
    open(stream, head, head.timeoutNanos, isReceiving: !isEnd)
    if let refusal = refusal(head.method) {
      bodies[stream] = .nobody
      return connection.refuse(stream, refusal)
    }
    bodies[stream] =
      head.method == .call(.put)
      ? .put(GrpcPutReader(), nil) : .messages(head.method, GrpcMessageReader(), whole: [])
    if isEnd { bodyEnded(stream) }
  }

  private func open(
    _ stream: Int32, _ head: GrpcRequestHead?, _ timeoutNanos: UInt64?, isReceiving: Bool
  ) {
    let now = connection.clock.monotonicNanos()
    var call = GrpcStream(
      method: head?.method, startedNanos: now, timeoutNanos: timeoutNanos,
      isReceiving: isReceiving, dueBytes: connection.settings.dueBytes)
    if case .call(let method) = head?.method {
      call.context = connection.calls().map { calls in
        RequestContext(
          method, traceparent: head?.traceparent ?? "", metrics: calls.metrics,
          clock: connection.clock)
      }
    }
    connection.state.update { state in
      guard state.http.isOpen(stream) else { return }
      state.streams[stream] = call
      state.isDeadlineNew = timeoutNanos != nil || state.isDeadlineNew
      state.idleSinceNanos = now
    }
  }

  /// Why nothing of this kind can be begun now.
  private func refusal(_ method: GrpcMethod) -> Refusal? {
    guard case .call = method else { return nil }
    switch connection.phase.current {
    case .recovering: return Refusal(.unavailable, "the store is recovering; retry soon")
    case .draining, .stopped:
      return Refusal(.unavailable, "the daemon is draining; connect elsewhere")
    case .ready: break
    }
    let most = connection.settings.http.streamsMax
    let (work, queued) = connection.state.update { state in
      (state.workCount, state.bodyBytes)
    }
    if work >= most {
      return Refusal(
        .resourceExhausted,
        "\(work) calls of this connection are being worked on, those of ended streams included; "
          + "retry later", limit: "streams_max", limitValue: UInt64(most), value: UInt64(work))
    }
    let limit = Limits.outgoingBytesMax + Limits.grpcAnswerBytesMax
    guard queued <= limit else {
      return Refusal(
        .resourceExhausted, "\(queued) bytes of answers wait to be read; read them, then retry",
        limit: "grpc_answer_bytes_max", limitValue: UInt64(limit), value: UInt64(queued))
    }
    return nil
  }

  func feed(_ stream: Int32, _ bytes: UnsafeRawBufferPointer) {
    guard let body = bodies[stream] else { return }
    do throws(Refusal) {
      switch body {
      case .nobody: break
      case .messages(let method, let reader, let whole):
        // Taken out meanwhile, so that the arrays in it are not copied at each change.
        bodies[stream] = .nobody
        bodies[stream] = try unsafe read(stream, method, reader, whole, bytes)
      case .put(let reader, let put):
        bodies[stream] = .nobody
        bodies[stream] = try unsafe receivePut(stream, reader, put, bytes)
      }
    } catch {
      abandon(stream)
      connection.refuse(stream, error)
    }
  }

  /// The call is refused: what it held goes back, what still comes is dropped.
  func abandon(_ stream: Int32) {
    bodies[stream] = .nobody
    reserve(0, for: stream)
    let put = connection.state.update { state in
      defer { state.streams[stream]?.put = nil }
      return state.streams[stream]?.put
    }
    put?.abandon()
  }

  private func read(
    _ stream: Int32, _ method: GrpcMethod, _ before: GrpcMessageReader, _ wholeBefore: [[UInt8]],
    _ bytes: UnsafeRawBufferPointer
  ) throws(Refusal) -> Body {
    var (reader, whole) = (before, wholeBefore)
    var offset = 0
    while offset < bytes.count {
      let message: [UInt8]?
      do throws(GrpcError) {
        message = try unsafe reader.feed(bytes, from: &offset)
      } catch {
        throw Refusal(error.problem)
      }
      guard reserve(reader.collectingBytes, for: stream) else {
        throw tooMuch(reader.collectingBytes)
      }
      guard let message else { continue }
      if method == .reflection {
        try reflect(stream, message)
      } else {
        guard whole.isEmpty else {
          throw Refusal(.invalidArgument, "\(method.name) takes one message, not more")
        }
        whole.append(message)
      }
    }
    return .messages(method, reader, whole: whole)
  }

  func tooMuch(_ bytes: Int) -> Refusal {
    let limit = UInt64(Limits.grpcCollectedBytesMax)
    return Refusal(
      .resourceExhausted,
      "a message of \(bytes) bytes beside those being received on this connection (the limit is "
        + "\(limit)) or the daemon's memory has no room; retry later",
      limit: "grpc_collected_bytes_max", limitValue: limit, value: UInt64(bytes))
  }

  private func reflect(_ stream: Int32, _ message: [UInt8]) throws(Refusal) {
    let isRoom = connection.state.update { state in
      state.streams[stream].map { $0.queuedBytes < Limits.grpcAnswerBytesMax } ?? false
    }
    guard isRoom else {
      throw Refusal(.resourceExhausted, "answers of reflection wait to be read; read them first")
    }
    do throws(GrpcError) {
      _ = connection.answerPart(stream, try GrpcReflection.answer(message))
    } catch {
      throw Refusal(error.problem)
    }
  }

  /// The client has sent its whole request.
  func bodyEnded(_ stream: Int32) {
    connection.state.update { $0.streams[stream]?.isReceiving = false }
    guard let body = bodies.removeValue(forKey: stream) else { return }
    reserve(0, for: stream)
    do throws(Refusal) {
      switch body {
      case .nobody: break
      case .put(let reader, let put): try finishPut(stream, reader, put)
      case .messages(let method, let reader, let whole):
        guard reader.isBetween else {
          throw Refusal(.invalidArgument, "the request ends within a message")
        }
        if method == .reflection { return connection.finish(stream) }
        guard let message = whole.first else {
          throw Refusal(.invalidArgument, "\(method.name) takes one message; none came")
        }
        try dispatch(stream, method, message)
      }
    } catch {
      connection.refuse(stream, error)
    }
  }

  private func dispatch(
    _ stream: Int32, _ method: GrpcMethod, _ message: [UInt8]
  ) throws(Refusal) {
    switch method {
    case .healthCheck: try connection.checkHealth(stream, message)
    case .healthWatch: try connection.watchHealth(stream, message)
    case .reflection: preconditionFailure("reflection answers each message")
    case .call(let method):
      let calls = try openCalls()
      if method == .get {
        try connection.beginGet(stream, try Calls.decoded(message), calls)
      } else {
        try calls.dispatch(
          method, message, connection.context(of: stream), to: GrpcReply(connection, stream))
      }
    }
  }

  func openCalls() throws(Refusal) -> Calls {
    guard let calls = connection.calls() else {
      throw Refusal(.unavailable, "the store is recovering; retry soon")
    }
    return calls
  }
}
