// The pages of the HTTP port.

internal import VarveBase
internal import VarveEngine

extension Server {
  package func respond(to path: String) -> HttpResponse {
    switch path {
    case "/healthz": return HttpResponse(.ok, body: "ok\n")
    case "/readyz":
      if let reason = notReadyReason { return HttpResponse(.unavailable, body: reason + "\n") }
      return HttpResponse(.ok, body: "ready\n")
    case "/metrics":
      return HttpResponse(
        .ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: metricsText())
    case "/status.json":
      return HttpResponse(
        .ok, contentType: "application/json; charset=utf-8", body: statusJson())
    case "/":
      return HttpResponse(
        .ok, contentType: "text/html; charset=utf-8", body: StatusPage.html(Version.text))
    default: return HttpResponse(refusing: .notFound)
    }
  }

  /// Why puts or anything at all cannot be served now; nil when all can.
  package var notReadyReason: String? {
    switch phase.current {
    case .recovering: "the store is recovering"
    case .draining: "the daemon is draining"
    case .stopped: "the daemon has stopped"
    case .ready: calls?.engine.readOnlyReason.map { "the store is read-only: \($0)" }
    }
  }

  private func metricsText() -> String {
    var text = MetricsText()
    text.add(processGauges)
    for counter in metrics.plainCounters { text.add(counter) }
    text.add(metrics.requests)
    text.add(metrics.problems)
    text.add(metrics.refusals)
    text.add(metrics.seconds)
    text.add(metrics.stages)
    text.add(ledger)
    if let calls, phase.current != .stopped {
      let engine = calls.engine
      for counter in engine.allCounters { text.add(counter) }
      for family in engine.counterFamilies { text.add(family) }
      for histogram in engine.latencies { text.add(histogram) }
      text.add(calls.tuner.turnSeconds)
      text.add(calls.tuner.gauges)
      text.add(engine.gauges() + NamespaceMetrics.gauges(engine.namespaces()))
    }
    return text.text
  }

  private var processGauges: [Gauge] {
    let uptime = Double(clock.monotonicNanos() - startedNanos) / 1e9
    return [
      Gauge("build_info", "The daemon's version", 1, labels: [("version", Version.text)]),
      Gauge("uptime_seconds", "Time since the start", uptime),
      Gauge("ready", "1 when the store serves and takes pages", notReadyReason == nil ? 1 : 0),
      Gauge("connections_open", "Connections open on the data port", Double(connections.count)),
      Gauge(
        "connections_max", "Most connections that may be open", Double(configuration.connectionsMax)
      ),
      Gauge("requests_in_flight", "Requests being worked", Double(metrics.requestsInFlight)),
    ] + ProcessUsage().gauges
  }
}
