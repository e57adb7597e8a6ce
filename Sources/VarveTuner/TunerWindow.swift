// A stretch of the load: the differences of two observations, or the sum of several such.

/// What happened in one or several neighbouring windows, and how the index stood at their end.
package struct TunerWindow: Equatable, Sendable {
  /// How many windows it sums up.
  package private(set) var count = 1
  package private(set) var absentPages: Double = 0
  package private(set) var presentPages: Double = 0
  package private(set) var lookupPages: Double = 0
  package private(set) var putPages: Double = 0
  package private(set) var gotPages: Double = 0
  package private(set) var blockReads: Double = 0
  package private(set) var blockHits: Double = 0
  package private(set) var falsePasses: Double = 0
  package private(set) var flushedBytes: Double = 0
  package private(set) var mergeReadBytes: Double = 0
  package private(set) var mergeWrittenBytes: Double = 0
  package private(set) var stallNanos: Double = 0
  /// Pages in tables, in the mean: a merge into the last level lets go of many at once.
  package private(set) var meanPages: Double = 0
  /// Of them, those that live, in the mean.
  package private(set) var meanLivePages: Double = 0
  package private(set) var end: TunerObservation

  /// From `earlier` to `later`. Counters that fell (the store was opened anew) count as none.
  package init(from earlier: TunerObservation, to later: TunerObservation) {
    func risen(_ counter: KeyPath<TunerObservation, UInt64>) -> Double {
      let (before, after) = (earlier[keyPath: counter], later[keyPath: counter])
      return after > before ? Double(after - before) : 0
    }
    absentPages = risen(\.absentPages)
    presentPages = risen(\.presentPages)
    lookupPages = risen(\.lookupPages)
    putPages = risen(\.putPages)
    gotPages = risen(\.gotPages)
    blockReads = risen(\.blockReads)
    blockHits = risen(\.blockHits)
    falsePasses = risen(\.falsePasses)
    flushedBytes = risen(\.flushedBytes)
    mergeReadBytes = risen(\.mergeReadBytes)
    mergeWrittenBytes = risen(\.mergeWrittenBytes)
    stallNanos = risen(\.stallNanos)
    meanPages = Double(later.indexPages)
    meanLivePages = Double(later.livePages)
    end = later
  }

  /// With the window that follows it.
  package func joined(_ next: TunerWindow) -> TunerWindow {
    var sum = self
    let weight = Double(next.count) / Double(count + next.count)
    sum.meanPages += (next.meanPages - meanPages) * weight
    sum.meanLivePages += (next.meanLivePages - meanLivePages) * weight
    sum.count += next.count
    sum.absentPages += next.absentPages
    sum.presentPages += next.presentPages
    sum.lookupPages += next.lookupPages
    sum.putPages += next.putPages
    sum.gotPages += next.gotPages
    sum.blockReads += next.blockReads
    sum.blockHits += next.blockHits
    sum.falsePasses += next.falsePasses
    sum.flushedBytes += next.flushedBytes
    sum.mergeReadBytes += next.mergeReadBytes
    sum.mergeWrittenBytes += next.mergeWrittenBytes
    sum.stallNanos += next.stallNanos
    sum.end = next.end
    return sum
  }

  /// Half of it, for what is long ago.
  package func faded() -> TunerWindow {
    var half = self
    half.count = max(1, count / 2)
    half.absentPages /= 2
    half.presentPages /= 2
    half.lookupPages /= 2
    half.putPages /= 2
    half.gotPages /= 2
    half.blockReads /= 2
    half.blockHits /= 2
    half.falsePasses /= 2
    half.flushedBytes /= 2
    half.mergeReadBytes /= 2
    half.mergeWrittenBytes /= 2
    half.stallNanos /= 2
    return half
  }

  /// Pages whose finding went to the tables.
  package var readPages: Double { absentPages + presentPages }
  /// Blocks of tables looked into, on disk or in memory.
  package var blockAccesses: Double { blockReads + blockHits }
  /// Everything done, in pages: what tells a busy window from an idle one.
  package var pages: Double { lookupPages + gotPages + putPages }

  /// How the window's pages divide.
  package var mix: LoadMix {
    LoadMix(absent: absentPages, present: presentPages, put: putPages)
  }
}

/// The shares of a load's pages, which sum to 1 (all 0 for no load).
package struct LoadMix: Equatable, Sendable {
  package let absent: Double
  package let present: Double
  package let put: Double

  package init(absent: Double, present: Double, put: Double) {
    let sum = absent + present + put
    self.absent = sum > 0 ? absent / sum : 0
    self.present = sum > 0 ? present / sum : 0
    self.put = sum > 0 ? put / sum : 0
  }

  package var reads: Double { absent + present }
  package var isIdle: Bool { reads + put == 0 }

  /// Total variation distance: half the sum of the shares' differences, 0 to 1.
  package func distance(to other: LoadMix) -> Double {
    (abs(absent - other.absent) + abs(present - other.present) + abs(put - other.put)) / 2
  }
}
