// From a request's frame to its call: puts and gets stay here, the others are the request layer's.

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
      switch method {
      case .get: try connection.beginGet(stream, try Calls.decoded(message), context)
      case .put: try beginPut(stream, try Calls.decoded(message), isLast: isLast)
      default:
        try connection.calls.dispatch(
          method, message, context, to: FrameReply(connection: connection, stream: stream))
      }
    } catch {
      connection.refuse(stream, error)
    }
  }
}
