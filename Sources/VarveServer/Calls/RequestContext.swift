// What the daemon knows of one request while it is worked: a number, the caller's trace, and how
// long each stage took. Both protocols make one for each call and hand it down.

package import VarveBase
package import VarveWire
internal import Synchronization

/// The stages of a request, in the order in which they begin. They may overlap: a Get reads its
/// next pages while the last ones are being sent.
package enum RequestStage: String, CaseIterable, Sendable {
  /// A put's bytes coming from the client.
  case receive
  /// Hints, look-ups and claims: what there is and where.
  case index
  /// Waiting for a thread that may wait for the disk.
  case queue
  /// Reading batches of pages of which at least one was not in memory, writing them, syncing.
  case disk
  /// Pages going into the socket.
  case send

  /// Its place in `allCases`.
  package var place: Int {
    switch self {
    case .receive: 0
    case .index: 1
    case .queue: 2
    case .disk: 3
    case .send: 4
    }
  }
}

/// One request. Counted in `requests_in_flight` while anyone holds it.
package final class RequestContext: Sendable {
  /// Unique in the life of the daemon.
  package let id: UInt64
  package let method: Method
  package let startedNanos: UInt64
  /// The caller's W3C trace context; empty where it sent none that is well formed: frames have no
  /// place for it.
  package let traceparent: String
  let metrics: ServerMetrics
  private let clock: any Clock
  // Relaxed: figures for display. Jobs of one request may add to a stage at the same time.
  private let receive = Atomic<UInt64>(0)
  private let index = Atomic<UInt64>(0)
  private let queue = Atomic<UInt64>(0)
  private let disk = Atomic<UInt64>(0)
  private let send = Atomic<UInt64>(0)

  /// Counts a request that has begun. `traceparent` as the caller sent it; it is checked here.
  package init(
    _ method: Method, traceparent: String = "", metrics: ServerMetrics, clock: any Clock
  ) {
    self.method = method
    self.traceparent = TraceParent.isValid(traceparent) ? traceparent : ""
    self.metrics = metrics
    self.clock = clock
    startedNanos = clock.monotonicNanos()
    id = metrics.requestBegun(method)
  }

  deinit { metrics.requestLeft() }

  package func now() -> UInt64 { clock.monotonicNanos() }

  package func add(_ nanos: UInt64, to stage: RequestStage) {
    switch stage {
    case .receive: receive.wrappingAdd(nanos, ordering: .relaxed)
    case .index: index.wrappingAdd(nanos, ordering: .relaxed)
    case .queue: queue.wrappingAdd(nanos, ordering: .relaxed)
    case .disk: disk.wrappingAdd(nanos, ordering: .relaxed)
    case .send: send.wrappingAdd(nanos, ordering: .relaxed)
    }
  }

  /// Adds the time since `start`, of which `without` belongs to another stage.
  package func add(since start: UInt64, without: UInt64 = 0, to stage: RequestStage) {
    let nanos = now() &- start
    add(nanos > without ? nanos - without : 0, to: stage)
  }

  package func nanos(in stage: RequestStage) -> UInt64 {
    switch stage {
    case .receive: receive.load(ordering: .relaxed)
    case .index: index.load(ordering: .relaxed)
    case .queue: queue.load(ordering: .relaxed)
    case .disk: disk.load(ordering: .relaxed)
    case .send: send.load(ordering: .relaxed)
    }
  }
}

/// Runs `body` as a stage of a request; without one it just runs.
package func measured<Result, Failure: Error>(
  _ stage: RequestStage, of context: RequestContext?, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  guard let context else { return try body() }
  let start = context.now()
  defer { context.add(since: start, to: stage) }
  return try body()
}

/// The `traceparent` of W3C Trace Context, level 1: `00-` 32 hex `-` 16 hex `-` 2 hex.
package enum TraceParent {
  package static let byteCount = 55

  /// Version 00 exactly; lower-case hex; trace and parent not all zero (§3.2.2).
  package static func isValid(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == byteCount, bytes.starts(with: Array("00-".utf8)) else { return false }
    for (index, byte) in bytes.enumerated() {
      switch index {
      case 2, 35, 52: guard byte == UInt8(ascii: "-") else { return false }
      default:
        guard (48...57).contains(byte) || (97...102).contains(byte) else { return false }
      }
    }
    let zero = UInt8(ascii: "0")
    return bytes[3..<35].contains { $0 != zero } && bytes[36..<52].contains { $0 != zero }
  }
}
