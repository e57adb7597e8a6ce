// The end of every request, whichever protocol brought it: counted, measured, and told when it was
// slow.

package import Logging
internal import VarveBase
internal import VarveWire

extension RequestContext {
  /// Counts the end of the request; its nanoseconds. Call it where the last frame is queued, before
  /// the peer can see it: whoever has the answer sees it counted.
  package func end() -> UInt64 {
    let nanos = now() - startedNanos
    metrics.requestEnded(method, nanos: nanos)
    return nanos
  }

  /// Records the stages of the ended request, and logs it if it took `slowMillis` or longer (0:
  /// never). Call it once, outside of locks, after the last of its bytes was sent.
  package func conclude(nanos: UInt64, slowMillis: Int, logger: Logger) {
    for stage in RequestStage.allCases {
      let spent = self.nanos(in: stage)
      if spent > 0 { metrics.stageEnded(method, stage, nanos: spent) }
    }
    // Work that is meant to take its time is not slow; its steps tell how far it is.
    let isLong = [.compact, .scrub, .drain].contains(method)
    guard !isLong, slowMillis > 0, nanos / 1_000_000 >= UInt64(slowMillis) else { return }
    metrics.slowRequests.add()
    logger.warning("slow request", metadata: metadata(nanos: nanos))
  }

  private func metadata(nanos: UInt64) -> Logger.Metadata {
    var metadata: Logger.Metadata = [
      "call": "\(method.name)", "request": "\(id)", "total_ms": "\(Self.millis(nanos))",
    ]
    for stage in RequestStage.allCases {
      let spent = self.nanos(in: stage)
      if spent > 0 { metadata["\(stage.rawValue)_ms"] = "\(Self.millis(spent))" }
    }
    if !traceparent.isEmpty { metadata["traceparent"] = "\(traceparent)" }
    return metadata
  }

  /// Milliseconds with one digit behind the point.
  private static func millis(_ nanos: UInt64) -> String {
    let tenths = nanos / 100_000
    return "\(tenths / 10).\(tenths % 10)"
  }
}
