// What the server counts. Every name is printed by the HTTP port with the prefix `varve_` and by
// Stats without it.

package import VarveBase
package import VarveWire
internal import Synchronization

/// Counters of connections and calls.
package final class ServerMetrics: Sendable {
  package let connectionsAccepted = Counter(
    "connections_accepted_total", "Connections accepted on the data port")
  package let connectionsRefused = Counter(
    "connections_refused_total", "Connections told at once why they are not let in")
  package let connectionsStalled = Counter(
    "connections_stalled_total", "Connections closed because their peer did not go on")
  package let badFrames = Counter("bad_frames_total", "Connections ended by a bad frame")
  package let bytesIn = Counter("received_bytes_total", "Bytes received on the data port")
  package let bytesOut = Counter("sent_bytes_total", "Bytes sent on the data port")
  package let slowRequests = Counter(
    "slow_requests_total", "Requests that took slow_request_ms or longer")
  package let requests: CounterFamily
  package let problems: CounterFamily
  package let refusals = BoundedCounterFamily(
    "refusals_total", "Errors told to clients, by the limit that was hit, or by code",
    label: "reason", countMax: Limits.refusalReasonsMax)
  package let seconds: LatencyFamily
  package let stages: LatencyTable
  private let inFlight = Atomic<Int>(0)
  private let requestNumber = Atomic<UInt64>(0)

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
    stages = LatencyTable(
      "request_stage_seconds", "Time of a request in each of its stages, by call and stage",
      labels: ("call", "stage"), rows: calls, columns: RequestStage.allCases.map(\.rawValue))
  }

  /// The counters without a label.
  package var plainCounters: [Counter] {
    [
      connectionsAccepted, connectionsRefused, connectionsStalled, badFrames, bytesIn, bytesOut,
      slowRequests,
    ]
  }

  /// All counters, family members included.
  package var counters: [Counter] {
    plainCounters + requests.members.map(\.1) + problems.members.map(\.1)
  }

  /// The request's number, from 1.
  package func requestBegun(_ method: Method) -> UInt64 {
    requests.members[method.place].1.add()
    inFlight.add(1, ordering: .relaxed)
    return requestNumber.add(1, ordering: .relaxed).newValue
  }

  package func requestEnded(_ method: Method, nanos: UInt64) {
    seconds.members[method.place].1.record(nanos: nanos)
  }

  package func stageEnded(_ method: Method, _ stage: RequestStage, nanos: UInt64) {
    stages.record(row: method.place, column: stage.place, nanos: nanos)
  }

  /// Nobody works on the request any more.
  package func requestLeft() { inFlight.subtract(1, ordering: .relaxed) }

  package var requestsInFlight: Int { inFlight.load(ordering: .relaxed) }

  /// Counts an error told to a client.
  package func problem(_ problem: Problem) {
    problems.members[Int(problem.status.rawValue)].1.add()
    refusals.add(problem.limit.isEmpty ? problem.status.name : problem.limit)
  }
}
