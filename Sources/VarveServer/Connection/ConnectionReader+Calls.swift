// From a request's message to its call. Short calls are answered here, on the reader's thread; what
// waits for the disk goes to the engine's pool and answers from there.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

extension ConnectionReader {
  func begin(_ stream: UInt32, _ method: Method, _ message: [UInt8], isLast: Bool) {
    let context = RequestContext(
      method, metrics: connection.calls.metrics, clock: connection.clock)
    // One call more gives the writer nothing to do.
    connection.state.change { state, _ in
      if state.session.isOpen(stream) { state.calls[stream] = context }
    }
    do throws(Refusal) {
      try dispatch(stream, method, message, isLast: isLast)
    } catch {
      connection.refuse(stream, error)
    }
  }

  private func dispatch(
    _ stream: UInt32, _ method: Method, _ message: [UInt8], isLast: Bool
  ) throws(Refusal) {
    let calls = connection.calls
    switch method {
    case .lookup:
      let context = connection.context(of: stream)
      connection.answer(stream, try calls.lookup(try decoded(message), context).encode())
    case .get:
      try connection.beginGet(stream, try decoded(message))
    case .put:
      try beginPut(stream, try decoded(message), isLast: isLast)
    case .stats:
      let _: StatsRequest = try decoded(message)
      connection.answer(stream, calls.stats().encode())
    case .listNamespaces:
      let _: ListNamespacesRequest = try decoded(message)
      connection.answer(stream, calls.listNamespaces().encode())
    case .compact: try connection.compact(stream, try decoded(message))
    case .scrub: try connection.scrub(stream, try decoded(message))
    case .drain: try connection.drain(stream, try decoded(message))
    case .tunerStatus:
      let _: TunerStatusRequest = try decoded(message)
      connection.answer(stream, calls.tunerStatus().encode())
    case .tunerHistory:
      connection.answer(stream, calls.tunerHistory(try decoded(message)).encode())
    case .setTuner:
      connection.answer(stream, try calls.setTuner(try decoded(message)).encode())
    case .openNamespace, .delete, .reportCorrupt, .flush, .setNamespace, .clearNamespace,
      .dropNamespace, .setCapacity:
      try dispatchBlocking(stream, method, message)
    case .touch, .pin, .unpin:
      throw Refusal(.unimplemented, "\(method.name) is not supported by this version")
    }
  }

  private func dispatchBlocking(
    _ stream: UInt32, _ method: Method, _ message: [UInt8]
  ) throws(Refusal) {
    let calls = connection.calls
    switch method {
    case .openNamespace:
      let request: OpenNamespaceRequest = try decoded(message)
      try inBackground(stream) { () throws(Refusal) in try calls.openNamespace(request).encode() }
    case .delete:
      let request: PagesRequest = try decoded(message)
      try inBackground(stream) { () throws(Refusal) in try calls.delete(request).encode() }
    case .reportCorrupt:
      let request: ReportCorruptRequest = try decoded(message)
      try inBackground(stream) { () throws(Refusal) in try calls.reportCorrupt(request).encode() }
    case .flush:
      let _: FlushRequest = try decoded(message)
      try inBackground(stream) { () throws(Refusal) in try calls.flush().encode() }
    case .setNamespace:
      let request: SetNamespaceRequest = try decoded(message)
      try inBackground(stream) { () throws(Refusal) in try calls.setNamespace(request).encode() }
    case .setCapacity:
      let request: SetCapacityRequest = try decoded(message)
      try inBackground(stream) { () throws(Refusal) in try calls.setCapacity(request).encode() }
    case .clearNamespace:
      let request: NamespaceName = try decoded(message)
      try inBackground(stream) { () throws(Refusal) in try calls.clearNamespace(request).encode() }
    case .dropNamespace:
      let request: NamespaceName = try decoded(message)
      try inBackground(stream) { () throws(Refusal) in try calls.dropNamespace(request).encode() }
    default: preconditionFailure("\(method.name) does not block")
    }
  }

  private func decoded<Message: WireMessage>(_ message: [UInt8]) throws(Refusal) -> Message {
    do throws(WireError) {
      return try Message(decoding: message.rawSpan)
    } catch {
      throw Refusal(error)
    }
  }

  private func inBackground(
    _ stream: UInt32, _ work: @escaping @Sendable () throws(Refusal) -> [UInt8]
  ) throws(Refusal) {
    let context = connection.context(of: stream)
    let submitted = connection.clock.monotonicNanos()
    try refusing { [connection] () throws(EngineError) in
      try connection.calls.engine.background {
        context?.add(since: submitted, to: .queue)
        do throws(Refusal) {
          connection.answer(stream, try measured(.disk, of: context, work))
        } catch {
          connection.refuse(stream, error)
        }
      }
    }
  }
}
