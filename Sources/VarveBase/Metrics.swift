// Counters, gauges and latency histograms as values that parts hold and the HTTP port prints.
// Names are the outside contract: `varve_` + name in Prometheus, the bare name in Admin Stats.

internal import Synchronization

/// A number that only rises.
package final class Counter: Sendable {
  package let name: String
  package let help: String
  private let value = Atomic<UInt64>(0)

  package init(_ name: String, _ help: String) {
    self.name = name
    self.help = help
  }

  /// Relaxed: counts are read for display; no other memory is published through them.
  package func add(_ amount: UInt64 = 1) { value.wrappingAdd(amount, ordering: .relaxed) }

  package func add(_ amount: Int) { add(UInt64(amount)) }

  package var current: UInt64 { value.load(ordering: .relaxed) }
}

/// A number read when it is asked for.
package struct Gauge: Sendable {
  package let name: String
  package let help: String
  package let labels: [(String, String)]
  package let value: Double

  package init(_ name: String, _ help: String, _ value: Double, labels: [(String, String)] = []) {
    self.name = name
    self.help = help
    self.value = value
    self.labels = labels
  }
}

/// A distribution of durations, in buckets of four a power of two from 1 µs to 64 s.
///
/// Percentiles read from it are the upper border of a bucket: at most 25 % too high.
package final class LatencyHistogram: Sendable {
  package static let bucketCount = 26 * 4

  package let name: String
  package let help: String
  private let state: Locked<State>

  private struct State {
    var buckets = [UInt64](repeating: 0, count: LatencyHistogram.bucketCount + 1)
    var count: UInt64 = 0
    var sumNanos: UInt64 = 0
    var maxNanos: UInt64 = 0
  }

  package struct Snapshot: Sendable {
    package let buckets: [UInt64]
    package let count: UInt64
    package let sumNanos: UInt64
    package let maxNanos: UInt64

    /// Upper border of the bucket in which the `share` (0…1) smallest durations end, in
    /// nanoseconds.
    package func percentileNanos(_ share: Double) -> UInt64 {
      guard count > 0 else { return 0 }
      let rank = UInt64((Double(count) * share).rounded(.up))
      var seen: UInt64 = 0
      for (index, bucket) in buckets.enumerated() {
        seen += bucket
        if seen >= max(rank, 1) { return min(LatencyHistogram.upperNanos(index), maxNanos) }
      }
      return maxNanos
    }
  }

  package init(_ name: String, _ help: String) {
    self.name = name
    self.help = help
    state = Locked(State())
  }

  /// Upper border of bucket `index` in nanoseconds: 1 µs × 2^((index + 1) / 4), steps linear within
  /// a power of two.
  package static func upperNanos(_ index: Int) -> UInt64 {
    guard index < bucketCount else { return .max }
    let base: UInt64 = 1000 << UInt64(index / 4)
    return base + base / 4 * UInt64(index % 4 + 1)
  }

  static func bucket(of nanos: UInt64) -> Int {
    guard nanos > 1000 else { return 0 }
    let micros = nanos / 1000
    let power = 63 - micros.leadingZeroBitCount
    guard power < 26 else { return bucketCount }
    let base: UInt64 = 1000 << UInt64(power)
    var index = power * 4
    while index < power * 4 + 3, nanos > base + base / 4 * UInt64(index % 4 + 1) { index += 1 }
    return index
  }

  package func record(nanos: UInt64) {
    let index = Self.bucket(of: nanos)
    state.withLock {
      $0.buckets[index] += 1
      $0.count += 1
      $0.sumNanos += nanos
      $0.maxNanos = max($0.maxNanos, nanos)
    }
  }

  package func snapshot() -> Snapshot {
    state.withLock {
      Snapshot(
        buckets: $0.buckets, count: $0.count, sumNanos: $0.sumNanos, maxNanos: $0.maxNanos)
    }
  }
}
