// The beginning and the end of every request, whichever protocol brought it: counted, measured, and
// told when it was slow.

package import VarveWire
internal import Logging
internal import VarveBase

extension Calls {
  /// Counts a request that has begun. `traceparent` as the caller sent it; it is checked here.
  package func begin(_ method: Method, traceparent: String = "") -> RequestContext {
    RequestContext(method, traceparent: traceparent, metrics: metrics, clock: clock)
  }

  /// Counts the end of a request; its nanoseconds. Call it where its last frame is queued, before
  /// the peer can see it: whoever has the answer sees it counted.
  package func end(_ context: RequestContext) -> UInt64 {
    let nanos = context.now() - context.startedNanos
    metrics.requestEnded(context.method, nanos: nanos)
    return nanos
  }

  /// Records the stages of an ended request, and logs it if it took `slowMillis` or longer (0:
  /// never). Call it once, outside of locks, after the last of its bytes was sent.
  package func conclude(_ context: RequestContext, nanos: UInt64, slowMillis: Int) {
    for stage in RequestStage.allCases {
      let spent = context.nanos(in: stage)
      if spent > 0 { metrics.stageEnded(context.method, stage, nanos: spent) }
    }
    guard slowMillis > 0, nanos / 1_000_000 >= UInt64(slowMillis) else { return }
    metrics.slowRequests.add()
    logSlow(context, nanos: nanos)
  }

  private func logSlow(_ context: RequestContext, nanos: UInt64) {
    var metadata: Logger.Metadata = [
      "call": "\(context.method.name)", "request": "\(context.id)",
      "total_ms": "\(Self.millis(nanos))",
    ]
    for stage in RequestStage.allCases {
      let spent = context.nanos(in: stage)
      if spent > 0 { metadata["\(stage.rawValue)_ms"] = "\(Self.millis(spent))" }
    }
    if !context.traceparent.isEmpty { metadata["traceparent"] = "\(context.traceparent)" }
    logger.warning("slow request", metadata: metadata)
  }

  /// Milliseconds with one digit behind the point.
  static func millis(_ nanos: UInt64) -> String {
    let tenths = nanos / 100_000
    return "\(tenths / 10).\(tenths % 10)"
  }
}
