// The open connections: how many, and how they are told to end.

internal import VarveBase

/// Counts and holds connections from accept to their last thread's end.
package final class ConnectionSet: Sendable {
  private struct State {
    var open: [ObjectIdentifier: any ServedConnection] = [:]
    /// No more are let in.
    var isClosed = false
  }

  private let state = Monitor(State())
  private let countMax: Int

  package init(countMax: Int) { self.countMax = countMax }

  package var count: Int { state.update { $0.open.count } }

  /// True when the connection may live; its end must be told with `remove`.
  func insert(_ connection: any ServedConnection) -> Bool {
    state.update { state in
      guard !state.isClosed, state.open.count < countMax else { return false }
      state.open[ObjectIdentifier(connection)] = connection
      return true
    }
  }

  func remove(_ connection: any ServedConnection) {
    state.update { $0.open[ObjectIdentifier(connection)] = nil }
  }

  /// Everyone is told that the daemon's phase is another.
  func phaseChanged() {
    for connection in state.update({ Array($0.open.values) }) { connection.phaseChanged() }
  }

  /// Tells everyone to take no more calls and to close once those begun have ended.
  func tellDraining() {
    for connection in state.update({ Array($0.open.values) }) { connection.drain() }
  }

  /// Calls begun and not answered, on all connections, those to Drain apart.
  var callsInFlight: Int {
    state.update({ Array($0.open.values) }).reduce(0) { $0 + $1.callsInFlight }
  }

  /// Waits until no call is in flight, or until `deadline`; how many are then.
  func waitForCalls(until deadline: UInt64, clock: any Clock) -> Int {
    while true {
      let left = callsInFlight
      let now = clock.monotonicNanos()
      guard left > 0, now < deadline else { return left }
      // Calls end without a word to this set; connections that end wake it at once.
      let until = min(deadline, now + Limits.drainLookNanos)
      _ = state.wait(until: until) { (_) -> Bool? in nil }
    }
  }

  /// Lets nobody in any more, drains who is there, and ends what is left at the deadline. True when
  /// everyone finished by himself.
  func drain(until deadline: UInt64) -> Bool {
    let open = state.update { state in
      state.isClosed = true
      return Array(state.open.values)
    }
    for connection in open { connection.drain() }
    let isClean = state.wait(until: deadline) { $0.open.isEmpty ? true : nil } != nil
    if !isClean {
      for connection in state.update({ Array($0.open.values) }) { connection.kill() }
      // Killed threads end at their next system call; jobs in the engine answer into the void.
      _ = state.wait(until: deadline + 5_000_000_000) { $0.open.isEmpty ? true : nil }
    }
    return isClean
  }
}
