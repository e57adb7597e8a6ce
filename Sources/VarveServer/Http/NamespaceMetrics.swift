// The numbers of namespaces as metrics. Their names come from clients, so how many get series of
// their own is bounded, and what a name holds is escaped where it is printed.

internal import VarveBase
internal import VarveEngine

enum NamespaceMetrics {
  /// One row for each of the first `countMax` namespaces by id, and one sum of the others under the
  /// empty name, which no namespace can have. A row leaves the sum when an older one is dropped:
  /// the sum may fall then, which Prometheus takes for a restart of the counter.
  static func rows(
    _ views: [NamespaceView], countMax: Int = Limits.namespaceMetricsMax
  ) -> [NamespaceView] {
    let sorted = views.sorted { $0.id < $1.id }
    guard sorted.count > countMax else { return sorted }
    var rest = NamespaceView()
    for view in sorted[countMax...] {
      rest.pages += view.pages
      rest.bytes += view.bytes
      rest.lookups += view.lookups
      rest.pagesAsked += view.pagesAsked
      rest.pagesHit += view.pagesHit
      rest.bytesIn += view.bytesIn
      rest.bytesOut += view.bytesOut
    }
    return sorted[..<countMax] + [rest]
  }

  static func gauges(_ views: [NamespaceView]) -> [Gauge] {
    rows(views).flatMap { row in
      let labels = [("namespace", row.name)]
      // Hits first: a page that is hit between the two readings must not make misses negative.
      let misses = row.pagesAsked > row.pagesHit ? row.pagesAsked - row.pagesHit : 0
      return [
        Gauge("namespace_pages", "Pages stored", Double(row.pages), labels: labels),
        Gauge(
          "namespace_page_bytes", "Raw bytes of the pages stored", Double(row.bytes),
          labels: labels),
        Gauge("namespace_lookups_total", "Lookup calls", Double(row.lookups), labels: labels),
        Gauge(
          "namespace_lookup_pages_total", "Pages asked for in lookups, by whether they were hit",
          Double(row.pagesHit), labels: labels + [("result", "hit")]),
        Gauge(
          "namespace_lookup_pages_total", "Pages asked for in lookups, by whether they were hit",
          Double(misses), labels: labels + [("result", "miss")]),
        Gauge(
          "namespace_stored_bytes_total", "Raw bytes of pages stored by puts",
          Double(row.bytesIn), labels: labels),
        Gauge(
          "namespace_read_bytes_total", "Raw bytes of pages given to gets",
          Double(row.bytesOut), labels: labels),
      ]
    }
  }
}
