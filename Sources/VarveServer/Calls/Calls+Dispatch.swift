// From a request's message to its call: the one table for both protocols. Put and Get are not here,
// because their pages take the protocol's own way. Short calls are answered on the calling thread;
// what waits for the disk goes to the engine's pool, what may take minutes has a thread of its own.

internal import VarveBase
internal import VarveEngine
package import VarveWire

extension Calls {
  /// Does the call and answers to `reply`; a call refused before it began is thrown.
  package func dispatch(
    _ method: Method, _ message: [UInt8], to reply: any CallReply
  ) throws(Refusal) {
    switch method {
    case .lookup: reply.answer(try lookup(try Self.decoded(message)).encode())
    case .stats:
      let _: StatsRequest = try Self.decoded(message)
      reply.answer(stats().encode())
    case .listNamespaces:
      let _: ListNamespacesRequest = try Self.decoded(message)
      reply.answer(listNamespaces().encode())
    case .compact: try compactInThread(try Self.decoded(message), reply)
    case .openNamespace, .delete, .reportCorrupt, .flush, .clearNamespace, .dropNamespace:
      try dispatchBlocking(method, message, to: reply)
    case .touch, .pin, .unpin, .scrub, .setNamespace, .tunerStatus, .tunerHistory, .setTuner,
      .setCapacity, .drain:
      throw Refusal(.unimplemented, "\(method.name) is not supported by this version")
    case .put, .get: preconditionFailure("\(method.name) has a way of its own")
    }
  }

  private func dispatchBlocking(
    _ method: Method, _ message: [UInt8], to reply: any CallReply
  ) throws(Refusal) {
    switch method {
    case .openNamespace:
      let request: OpenNamespaceRequest = try Self.decoded(message)
      try inBackground(reply) { () throws(Refusal) in try self.openNamespace(request).encode() }
    case .delete:
      let request: PagesRequest = try Self.decoded(message)
      try inBackground(reply) { () throws(Refusal) in try self.delete(request).encode() }
    case .reportCorrupt:
      let request: ReportCorruptRequest = try Self.decoded(message)
      try inBackground(reply) { () throws(Refusal) in try self.reportCorrupt(request).encode() }
    case .flush:
      let _: FlushRequest = try Self.decoded(message)
      try inBackground(reply) { () throws(Refusal) in try self.flush().encode() }
    case .clearNamespace:
      let request: NamespaceName = try Self.decoded(message)
      try inBackground(reply) { () throws(Refusal) in try self.clearNamespace(request).encode() }
    case .dropNamespace:
      let request: NamespaceName = try Self.decoded(message)
      try inBackground(reply) { () throws(Refusal) in try self.dropNamespace(request).encode() }
    default: preconditionFailure("\(method.name) does not block")
    }
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
    _ reply: any CallReply, _ work: @escaping @Sendable () throws(Refusal) -> [UInt8]
  ) throws(Refusal) {
    try refusing { () throws(EngineError) in
      try engine.background {
        do throws(Refusal) {
          reply.answer(try work())
        } catch {
          reply.refuse(error)
        }
      }
    }
  }
}
