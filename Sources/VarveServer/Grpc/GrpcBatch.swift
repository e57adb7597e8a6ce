// What the writer of a gRPC connection sends in one go: frames' heads joined in one array, page
// bytes where they lie, in the order in which they go out.

internal import Glibc
internal import VarveBase
internal import VarveWire

/// Vectors in order, with everything they point into.
@safe struct GrpcBatch {
  private let heads: [UInt8]
  /// A vector without a base is the next so many bytes of `heads`.
  private var vectors: [iovec] = unsafe []
  private var held: [OutgoingBytes] = []
  private(set) var byteCount = 0
  /// Bytes of pages and other bodies among them.
  private(set) var bodyBytes = 0
  /// The requests whose answers are in it.
  private(set) var contexts: [RequestContext] = []

  /// Takes the bodies of the streams named in `output` out of `streams`.
  init(_ output: Http2Output, from streams: inout [Int32: GrpcStream]) {
    heads = output.bytes
    byteCount = output.byteCount
    var seen: Set<Int32> = []
    for part in output.parts {
      switch part {
      case .bytes(let count):
        unsafe vectors.append(iovec(iov_base: nil, iov_len: count))
      case .payload(let stream, let count):
        precondition(streams[stream] != nil, "bytes promised on a stream that is gone")
        unsafe streams[stream]?.take(count, into: &vectors, held: &held)
        bodyBytes += count
        if seen.insert(stream).inserted, let context = streams[stream]?.context {
          contexts.append(context)
        }
      }
    }
  }

  /// Sends everything; `pace` ends it when the peer takes too little for too long.
  func write(to socket: Socket, clock: any Clock, pace: Pace) throws(SocketError) {
    let result = unsafe heads.withUnsafeBytes { heads in
      Result { () throws(SocketError) in
        var all = unsafe vectors
        var offset = 0
        for index in unsafe all.indices where unsafe all[index].iov_base == nil {
          let base = unsafe heads.baseAddress.map { unsafe $0 + offset }
          unsafe all[index].iov_base = unsafe UnsafeMutableRawPointer(mutating: base)
          unsafe offset += all[index].iov_len
        }
        try unsafe Self.send(&all, to: socket, clock: clock, pace: pace)
      }
    }
    try result.get()
  }

  /// The least a peer must take within a window of time.
  struct Pace {
    let windowNanos: UInt64
    let bytesMin: Int
  }

  private static func send(
    _ vectors: inout [iovec], to socket: Socket, clock: any Clock, pace: Pace
  ) throws(SocketError) {
    let result = unsafe vectors.withUnsafeMutableBufferPointer { all in
      Result { () throws(SocketError) in
        var index = 0
        var window = (begin: clock.monotonicNanos(), bytes: 0)
        while index < all.count {
          let end = min(index + Limits.sendVectorsMax, all.count)
          var sent = try unsafe socket.send(
            UnsafeMutableBufferPointer(rebasing: all[index..<end]))
          window.bytes += sent
          while index < end, unsafe sent >= all[index].iov_len {
            unsafe sent -= all[index].iov_len
            index += 1
          }
          if sent > 0 {
            unsafe all[index].iov_base = unsafe all[index].iov_base.map { unsafe $0 + sent }
            unsafe all[index].iov_len -= sent
          }
          let now = clock.monotonicNanos()
          guard now - window.begin > pace.windowNanos, index < all.count else { continue }
          guard window.bytes >= pace.bytesMin else { throw .stalled }
          window = (now, 0)
        }
      }
    }
    try result.get()
  }
}
