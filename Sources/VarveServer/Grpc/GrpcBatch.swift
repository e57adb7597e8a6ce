// What the writer of a gRPC connection sends in one go: frames' heads joined in one array, page
// bytes where they lie, in the order in which they go out.

internal import VarveBase
internal import VarveWire

/// Bytes in order, with everything that must live until they have left.
struct GrpcBatch {
  private var gather: Gather
  private var held: [OutgoingBytes] = []
  var byteCount: Int { gather.byteCount }
  /// Bytes of pages and other bodies among them.
  private(set) var bodyBytes = 0
  /// The requests whose answers are in it.
  private(set) var contexts: [RequestContext] = []

  /// Takes the bodies of the streams named in `output` out of `streams`.
  init(_ output: Http2Output, from streams: inout [Int32: GrpcStream]) {
    gather = Gather(own: output.bytes)
    var seen: Set<Int32> = []
    for part in output.parts {
      switch part {
      case .bytes(let count): gather.appendOwn(count)
      case .payload(let stream, let count):
        precondition(streams[stream] != nil, "bytes promised on a stream that is gone")
        streams[stream]?.take(count, into: &gather, held: &held)
        bodyBytes += count
        if seen.insert(stream).inserted, let context = streams[stream]?.context {
          contexts.append(context)
        }
      }
    }
  }

  /// The least a peer must take within a window of time.
  struct Pace {
    let windowNanos: UInt64
    let bytesMin: Int
  }

  /// Sends everything; `pace` ends it when the peer takes too little for too long.
  mutating func send(to socket: Socket, clock: any Clock, pace: Pace) throws(SocketError) {
    var window = (begin: clock.monotonicNanos(), bytes: 0)
    while !gather.isSent {
      window.bytes += try gather.send(to: socket, waits: true)
      let now = clock.monotonicNanos()
      guard now - window.begin > pace.windowNanos, !gather.isSent else { continue }
      guard window.bytes >= pace.bytesMin else { throw .stalled }
      window = (now, 0)
    }
  }
}
