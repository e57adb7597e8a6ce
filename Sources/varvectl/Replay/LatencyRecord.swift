// Latencies of one kind of call, to three figures, however many there are.

import Histogram

/// Nanoseconds from 1 µs to an hour in an HdrHistogram.
struct LatencyRecord: Sendable {
  private static let highestNanos: UInt64 = 3_600_000_000_000

  private var histogram = Histogram<UInt64>(
    lowestDiscernibleValue: 1000, highestTrackableValue: highestNanos,
    numberOfSignificantValueDigits: .three)

  mutating func record(nanos: UInt64) {
    histogram.record(min(max(nanos, 1000), Self.highestNanos))
  }

  mutating func add(_ other: LatencyRecord) { histogram.add(other.histogram) }

  var count: UInt64 { histogram.totalCount }

  /// Milliseconds; 0 where nothing was recorded.
  func percentileMillis(_ percentile: Double) -> Double {
    count == 0 ? 0 : Double(histogram.valueAtPercentile(percentile)) / 1e6
  }

  var maxMillis: Double { count == 0 ? 0 : Double(histogram.max) / 1e6 }
}
