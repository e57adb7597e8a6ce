// A window's counts as a line that the tuner's golden tests replay.

import VarveTuner

enum WindowRecord {
  /// Differences of counters, and gauges as they stand at the end.
  static func line(from before: TunerObservation, to after: TunerObservation) -> String {
    let risen: [(String, KeyPath<TunerObservation, UInt64>)] = [
      ("absent", \.absentPages), ("present", \.presentPages), ("looked", \.lookupPages),
      ("put", \.putPages), ("reads", \.blockReads), ("hits", \.blockHits),
      ("false", \.falsePasses), ("flushed", \.flushedBytes), ("mread", \.mergeReadBytes),
      ("mwritten", \.mergeWrittenBytes),
    ]
    let counts = risen.map { "\($0)=\(after[keyPath: $1] - before[keyPath: $1])" }
    let gauges = [
      "pages=\(after.indexPages)", "bytes=\(after.indexBytes)", "cache=\(after.cacheBytes)",
      "entry=\(after.memtableBytesPerPage.rounded())", "unit=\(after.unitBytesPerMemtableByte)",
    ]
    return (["count", "x1"] + counts + gauges).joined(separator: " ")
  }
}
