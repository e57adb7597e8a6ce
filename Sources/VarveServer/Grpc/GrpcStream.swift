// One call on a gRPC connection: what is known of it, and what of its answer waits to be sent.
// Lives in the connection's state, under its lock.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

/// Bytes that must move, watched over windows of time.
struct RateWatch {
  private var beganNanos: UInt64
  private var movedBytes = 0
  private var dueBytes: Int

  init(nowNanos: UInt64, dueBytes: Int) {
    beganNanos = nowNanos
    self.dueBytes = dueBytes
  }

  mutating func moved(_ count: Int) { movedBytes += count }

  /// False when a window has passed and less moved in it than was due; a new window begins else.
  mutating func isMoving(nowNanos: UInt64, windowNanos: UInt64, dueBytes next: Int) -> Bool {
    guard nowNanos >= beganNanos + windowNanos else { return true }
    guard movedBytes >= dueBytes else { return false }
    self = RateWatch(nowNanos: nowNanos, dueBytes: next)
    return true
  }
}

struct GrpcStream {
  /// nil: none of ours, refused at once.
  let method: GrpcMethod?
  let startedNanos: UInt64
  let deadlineNanos: UInt64?
  /// Counted and measured by the request layer; nil for gRPC's own services.
  var context: RequestContext?
  var isHeadSent = false
  /// Trailers were handed over: nothing can follow.
  var isEnded = false
  /// The client has more of its request to send.
  var isReceiving: Bool
  var put: GrpcPut?
  var get: GrpcGet?
  /// The service whose health is watched, and what was said last.
  var watch: (service: String, said: GrpcHealth.Status)?
  var receiving: RateWatch
  var sending: RateWatch
  private var queue: [OutgoingBytes] = []
  private var cursor = PieceCursor()
  private(set) var queuedBytes = 0

  init(
    method: GrpcMethod?, startedNanos: UInt64, timeoutNanos: UInt64?, isReceiving: Bool,
    dueBytes: Int
  ) {
    self.method = method
    self.startedNanos = startedNanos
    deadlineNanos = timeoutNanos.map { startedNanos &+ $0 }
    self.isReceiving = isReceiving
    receiving = RateWatch(nowNanos: startedNanos, dueBytes: dueBytes)
    sending = RateWatch(nowNanos: startedNanos, dueBytes: 0)
  }

  /// One batch of the engine's pages is being sent and, with `ahead`, one waits: more would only
  /// hold memory.
  func wantsBatch(ahead: Bool) -> Bool {
    guard let get, !isEnded else { return false }
    return !get.isProducing && !get.isOver && queue.count < (ahead ? 2 : 1)
  }

  mutating func append(_ bytes: OutgoingBytes) {
    queue.append(bytes)
    queuedBytes += bytes.byteCount
  }

  /// Appends the next `count` bytes; `held` keeps what they lie in.
  mutating func take(_ count: Int, into gather: inout Gather, held: inout [OutgoingBytes]) {
    var rest = count
    while rest > 0 {
      guard let first = queue.first else { preconditionFailure("no bytes to send of") }
      let size = min(rest, first.byteCount - cursor.taken)
      first.take(size, at: &cursor, into: &gather)
      held.append(first)
      rest -= size
      if cursor.taken == first.byteCount {
        queue.removeFirst()
        cursor = PieceCursor()
      }
    }
    queuedBytes -= count
    sending.moved(count)
  }
}

/// The sending side of a get.
struct GrpcGet {
  let maker: BatchMaker
  /// Somebody is making the next batch.
  var isProducing = false
  /// No more batches will come.
  var isOver = false
}
