// From a request's message to its call: the one table for both protocols. Put and Get are not here,
// because their pages take the protocol's own way. Short calls are answered on the calling thread;
// what waits for the disk goes to the engine's pool, what may take minutes has a thread of its own.

internal import VarveBase
internal import VarveEngine
package import VarveWire

extension Calls {
  /// Does the call and answers to `reply`; a call refused before it began is thrown.
  package func dispatch(
    _ method: Method, _ message: [UInt8], _ context: RequestContext?, to reply: any CallReply
  ) throws(Refusal) {
    switch method {
    case .lookup: reply.answer(try lookup(try Self.decoded(message), context).encode())
    case .stats:
      let _: StatsRequest = try Self.decoded(message)
      reply.answer(stats().encode())
    case .listNamespaces:
      let _: ListNamespacesRequest = try Self.decoded(message)
      reply.answer(listNamespaces().encode())
    case .tunerStatus:
      let _: TunerStatusRequest = try Self.decoded(message)
      reply.answer(tunerStatus().encode())
    case .tunerHistory: reply.answer(tunerHistory(try Self.decoded(message)).encode())
    case .setTuner: reply.answer(try setTuner(try Self.decoded(message)).encode())
    case .compact: try compactInThread(try Self.decoded(message), reply)
    case .scrub: try scrubInThread(try Self.decoded(message), reply)
    case .drain: try drainInThread(try Self.decoded(message), reply)
    case .openNamespace, .delete, .reportCorrupt, .flush, .setNamespace, .clearNamespace,
      .dropNamespace, .setCapacity:
      try dispatchBlocking(method, message, context, to: reply)
    case .touch, .pin, .unpin:
      throw Refusal(.unimplemented, "\(method.name) is not supported by this version")
    case .put, .get: preconditionFailure("\(method.name) has a way of its own")
    }
  }

  private func dispatchBlocking(
    _ method: Method, _ message: [UInt8], _ context: RequestContext?, to reply: any CallReply
  ) throws(Refusal) {
    let work: @Sendable () throws(Refusal) -> [UInt8]
    switch method {
    case .openNamespace:
      let request: OpenNamespaceRequest = try Self.decoded(message)
      work = { () throws(Refusal) in try self.openNamespace(request).encode() }
    case .delete:
      let request: PagesRequest = try Self.decoded(message)
      work = { () throws(Refusal) in try self.delete(request).encode() }
    case .reportCorrupt:
      let request: ReportCorruptRequest = try Self.decoded(message)
      work = { () throws(Refusal) in try self.reportCorrupt(request).encode() }
    case .flush:
      let _: FlushRequest = try Self.decoded(message)
      work = { () throws(Refusal) in try self.flush().encode() }
    case .setNamespace:
      let request: SetNamespaceRequest = try Self.decoded(message)
      work = { () throws(Refusal) in try self.setNamespace(request).encode() }
    case .setCapacity:
      let request: SetCapacityRequest = try Self.decoded(message)
      work = { () throws(Refusal) in try self.setCapacity(request).encode() }
    case .clearNamespace:
      let request: NamespaceName = try Self.decoded(message)
      work = { () throws(Refusal) in try self.clearNamespace(request).encode() }
    case .dropNamespace:
      let request: NamespaceName = try Self.decoded(message)
      work = { () throws(Refusal) in try self.dropNamespace(request).encode() }
    default: preconditionFailure("\(method.name) does not block")
    }
    try inBackground(context, reply, work)
  }

  package static func decoded<Message: WireMessage>(
    _ message: [UInt8]
  ) throws(Refusal) -> Message {
    do throws(WireError) {
      return try Message(decoding: message.rawSpan)
    } catch {
      throw Refusal(error)
    }
  }

  private func inBackground(
    _ context: RequestContext?, _ reply: any CallReply,
    _ work: @escaping @Sendable () throws(Refusal) -> [UInt8]
  ) throws(Refusal) {
    let submitted = clock.monotonicNanos()
    try refusing { () throws(EngineError) in
      try engine.background {
        context?.add(since: submitted, to: .queue)
        do throws(Refusal) {
          reply.answer(try measured(.disk, of: context, work))
        } catch {
          reply.refuse(error)
        }
      }
    }
  }
}
