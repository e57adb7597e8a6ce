// The memory ledger at its limit, counters, clocks, and the histogram at the borders of its
// buckets.

import Testing

@testable import VarveBase

@Suite struct AccountTests {
  @Test func theLedgerRefusesOneByteOverItsLimit() {
    let ledger = MemoryLedger(limitBytes: 1000)
    #expect(ledger.reserve(999, for: .arena))
    #expect(ledger.reserve(2, for: .memtable) == false)
    #expect(ledger.totalBytes == 999)
    #expect(ledger.bytes(of: .memtable) == 0)
    #expect(ledger.reserve(1, for: .memtable))
    #expect(ledger.totalBytes == 1000)
    #expect(ledger.reserve(1, for: .request) == false)
    #expect(ledger.reserve(0, for: .request))
    ledger.release(999, for: .arena)
    #expect(ledger.totalBytes == 1)
    #expect(ledger.totalBytesMax == 1000)
    #expect(ledger.reserve(999, for: .request))
    #expect(ledger.bytes(of: .request) == 999)
  }

  @Test func releasingMoreThanWasHeldTraps() async {
    await #expect(processExitsWith: .failure) {
      let ledger = MemoryLedger(limitBytes: 10)
      _ = ledger.reserve(5, for: .arena)
      ledger.release(1, for: .staging)
    }
  }

  @Test func theLedgerNeverPassesItsLimitUnderThreads() {
    let ledger = MemoryLedger(limitBytes: 64)
    LockTests.threads(4) { _ in
      for _ in 0..<2_000 where ledger.reserve(20, for: .request) {
        ledger.release(20, for: .request)
      }
    }
    #expect(ledger.totalBytes == 0)
    #expect(ledger.totalBytesMax <= 64 && ledger.totalBytesMax >= 20)
  }

  @Test func labelsAreDistinct() {
    let labels = MemoryLedger.Purpose.allCases.map(\.label)
    #expect(Set(labels).count == labels.count)
  }

  @Test func countersAdd() {
    let counter = Counter("pages_total", "Pages.")
    counter.add()
    counter.add(41)
    #expect(counter.current == 42)
  }

  @Test func aDurationFallsBelowItsBucketsUpperBorder() {
    for index in 0..<LatencyHistogram.bucketCount {
      let upper = LatencyHistogram.upperNanos(index)
      #expect(LatencyHistogram.bucket(of: upper) <= index + 1, "border of \(index)")
      #expect(LatencyHistogram.upperNanos(LatencyHistogram.bucket(of: upper - 1)) >= upper - 1)
      if index > 0 { #expect(upper > LatencyHistogram.upperNanos(index - 1)) }
    }
    #expect(LatencyHistogram.bucket(of: 0) == 0)
    #expect(LatencyHistogram.bucket(of: 1000) == 0)
    #expect(LatencyHistogram.bucket(of: .max) == LatencyHistogram.bucketCount)
  }

  @Test func bucketsCoverEveryDurationWithinAQuarter() {
    var nanos: UInt64 = 1001
    while nanos < 60_000_000_000 {
      let upper = LatencyHistogram.upperNanos(LatencyHistogram.bucket(of: nanos))
      #expect(upper >= nanos, "\(nanos) ns is over its bucket's border \(upper)")
      #expect(Double(upper) <= Double(nanos) * 1.26, "\(nanos) ns reads as \(upper)")
      nanos += nanos / 7
    }
  }

  @Test func percentilesAreBordersAndNeverAboveTheLargest() {
    let histogram = LatencyHistogram("get_seconds", "Get.")
    #expect(histogram.snapshot().percentileNanos(0.99) == 0)
    for _ in 0..<99 { histogram.record(nanos: 2_000_000) }
    histogram.record(nanos: 100_000_000)
    let snapshot = histogram.snapshot()
    #expect(snapshot.count == 100)
    #expect(snapshot.maxNanos == 100_000_000)
    #expect(snapshot.sumNanos == 99 * 2_000_000 + 100_000_000)
    let median = snapshot.percentileNanos(0.5)
    #expect(median >= 2_000_000 && median < 2_520_000)
    #expect(snapshot.percentileNanos(0.99) == median)
    #expect(snapshot.percentileNanos(1) == 100_000_000)
  }

  @Test func clocksGoForward() {
    let clock = SystemClock()
    let first = clock.monotonicNanos()
    #expect(clock.monotonicNanos() >= first)
    #expect(clock.wallMillis() > 1_700_000_000_000)
    let manual = ManualClock(nanos: 5, wallMillis: 7)
    manual.advance(millis: 2)
    #expect(manual.monotonicNanos() == 2_000_005)
    #expect(manual.wallMillis() == 9)
  }
}
