// SetCapacity and Drain: what an operator does to the daemon as a whole.

internal import VarveEngine
package import VarveWire
internal import VarveBase

extension Calls {
  /// Moves the bound until the daemon ends; blocks while the oldest segments go.
  package func setCapacity(_ request: SetCapacityRequest) throws(Refusal) -> SetCapacityResponse {
    let surroundings = surroundings.withLock { $0 }
    let now = try refusing { () throws(EngineError) in
      try engine.setCapacity(
        request.capacityBytes, minFree: surroundings.minFreeBytes,
        segmentsMax: surroundings.segmentsMax)
    }
    return SetCapacityResponse(capacityBytes: now.capacityBytes, diskBytes: now.diskBytes)
  }

  /// From here on nothing new is taken; blocks until the calls begun have ended, or as long as the
  /// request bears. The process stays until it is told to end: a service manager would start it
  /// again. There is no way back but a restart.
  package func drain(_ request: DrainRequest) throws(Refusal) -> DrainResponse {
    let most = Limits.drainSecondsMax
    guard request.timeoutSeconds <= most else {
      throw Refusal(
        .invalidArgument, "timeout_seconds \(request.timeoutSeconds) is over the limit of \(most)",
        limit: "timeout_seconds_max", limitValue: UInt64(most),
        value: UInt64(request.timeoutSeconds))
    }
    let surroundings = surroundings.withLock { $0 }
    let seconds =
      request.timeoutSeconds == 0
      ? UInt64(surroundings.drainSeconds) : UInt64(request.timeoutSeconds)
    let left = surroundings.drain(clock.monotonicNanos() + seconds * 1_000_000_000)
    return DrainResponse(drained: left == 0, inFlight: UInt64(left))
  }
}
