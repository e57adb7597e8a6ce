// How long calls took, from every one of them: a round has too few calls for a histogram to pay.

/// Microseconds. In an open loop a call's time begins when it was due, not when it was sent.
struct Percentiles: Codable, Hashable, Sendable {
  let p50: Double
  let p99: Double
  let p999: Double
  let most: Double

  /// nil of no calls.
  init?(nanos: [UInt64]) {
    guard !nanos.isEmpty else { return nil }
    let sorted = nanos.sorted()
    /// The nearest rank: the least value that so large a share of the calls did not pass.
    func at(_ perMille: Int) -> Double {
      Double(sorted[max(0, (sorted.count * perMille + 999) / 1000 - 1)]) / 1000
    }
    (p50, p99, p999, most) = (at(500), at(990), at(999), at(1000))
  }
}
