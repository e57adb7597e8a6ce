// The ends of streams: what they held goes back, and calls that were answered are counted and told.

internal import Logging
internal import VarveBase
internal import VarveWire

extension GrpcConnection {
  /// Works off what ended streams leave, outside of the lock.
  func release(_ reaped: ReapedStreams) {
    reaped.abandonPuts()
    conclude(reaped)
  }

  func conclude(_ reaped: ReapedStreams) {
    for call in reaped.calls {
      call.context.conclude(
        nanos: call.nanos, slowMillis: settings.slowRequestMillis, logger: logger)
    }
  }
}

/// What streams leave that HTTP/2 has ended.
struct ReapedStreams {
  /// A call whose answer is complete, counted and not yet told of.
  struct Call {
    let context: RequestContext
    let nanos: UInt64
  }

  fileprivate(set) var calls: [Call] = []
  fileprivate var puts: [GrpcPut] = []

  func abandonPuts() {
    for put in puts { put.abandon() }
  }

  fileprivate mutating func add(_ stream: GrpcStream) {
    if let put = stream.put { puts.append(put) }
    guard stream.isEnded, let context = stream.context else { return }
    calls.append(Call(context: context, nanos: context.end()))
  }
}

extension GrpcConnection.State {
  /// Forgets the streams that HTTP/2 has ended. Called under the lock and before their last frames
  /// are sent: whoever sees an answer sees it counted.
  mutating func reap(nowNanos: UInt64) -> ReapedStreams {
    var reaped = ReapedStreams()
    for stream in http.takeClosed() {
      guard let gone = streams.removeValue(forKey: stream) else { continue }
      bodyBytes -= gone.queuedBytes
      idleSinceNanos = nowNanos
      reaped.add(gone)
    }
    return reaped
  }

  /// Forgets the answered streams of a connection that is over, whether or not the answer left.
  mutating func reapAnswered() -> ReapedStreams {
    var reaped = ReapedStreams()
    for (stream, call) in streams where call.isEnded {
      streams[stream] = nil
      bodyBytes -= call.queuedBytes
      reaped.add(call)
    }
    return reaped
  }

  mutating func takePuts() -> [GrpcPut] {
    let puts = streams.values.compactMap(\.put)
    for stream in streams.keys { streams[stream]?.put = nil }
    return puts
  }
}
