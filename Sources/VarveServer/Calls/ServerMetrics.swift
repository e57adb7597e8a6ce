// What the server counts. Every name is printed by the HTTP port with the prefix `varve_` and by
// Stats without it.

package import VarveBase
package import VarveWire

/// Counters of connections and calls.
package final class ServerMetrics: Sendable {
  package let connectionsAccepted = Counter(
    "connections_accepted_total", "Connections accepted on the data port")
  package let connectionsRefused = Counter(
    "connections_refused_total", "Connections closed at once because too many were open")
  package let connectionsStalled = Counter(
    "connections_stalled_total", "Connections closed because their peer did not go on")
  package let badFrames = Counter("bad_frames_total", "Connections ended by a bad frame")
  package let bytesIn = Counter("received_bytes_total", "Bytes received on the data port")
  package let bytesOut = Counter("sent_bytes_total", "Bytes sent on the data port")
  package let lookupPagesAsked = Counter("lookup_pages_asked_total", "Pages asked by lookups")
  package let lookupPagesHit = Counter(
    "lookup_pages_hit_total", "Pages of lookups present without a gap from the first")
  package let requests: CounterFamily
  package let problems: CounterFamily
  package let seconds: LatencyFamily

  private static let slots = Dictionary(
    uniqueKeysWithValues: Method.allCases.enumerated().map { ($1, $0) })

  package init() {
    let calls = Method.allCases.map(\.name)
    requests = CounterFamily(
      "requests_total", "Requests begun, by call", label: "call", values: calls)
    problems = CounterFamily(
      "problems_total", "Calls and connections that ended in an error, by code", label: "code",
      values: StatusCode.allCases.map(\.name))
    seconds = LatencyFamily(
      "request_seconds", "From a request's frame to its last frame queued, by call",
      label: "call", values: calls)
  }

  /// The counters without a label.
  package var plainCounters: [Counter] {
    [
      connectionsAccepted, connectionsRefused, connectionsStalled, badFrames, bytesIn, bytesOut,
      lookupPagesAsked, lookupPagesHit,
    ]
  }

  /// All counters, family members included.
  package var counters: [Counter] {
    plainCounters + requests.members.map(\.1) + problems.members.map(\.1)
  }

  package func requestBegun(_ method: Method) {
    if let slot = Self.slots[method] { requests.members[slot].1.add() }
  }

  package func requestEnded(_ method: Method, nanos: UInt64) {
    if let slot = Self.slots[method] { seconds.members[slot].1.record(nanos: nanos) }
  }

  package func problem(_ code: StatusCode) { problems.members[Int(code.rawValue)].1.add() }
}
