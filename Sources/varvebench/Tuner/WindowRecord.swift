// A window's counts as a line: the tuner's golden tests replay it, the bench reads its own again.

import VarveTuner

enum WindowRecord {
  private static var counters: [(String, WritableKeyPath<TunerObservation, UInt64>)] {
    [
      ("absent", \.absentPages), ("present", \.presentPages), ("looked", \.lookupPages),
      ("put", \.putPages), ("reads", \.blockReads), ("hits", \.blockHits),
      ("false", \.falsePasses), ("flushed", \.flushedBytes), ("mread", \.mergeReadBytes),
      ("mwritten", \.mergeWrittenBytes),
    ]
  }

  /// Differences of counters, and gauges as they stand at the end.
  static func line(from before: TunerObservation, to after: TunerObservation) -> String {
    let counts = counters.map { "\($0)=\(after[keyPath: $1] - before[keyPath: $1])" }
    let gauges = [
      "pages=\(after.indexPages)", "live=\(after.livePages)", "bytes=\(after.indexBytes)",
      "cache=\(after.cacheBytes)",
      "entry=\(after.memtableBytesPerPage.rounded())", "unit=\(after.unitBytesPerMemtableByte)",
    ]
    return (["count", "x1"] + counts + gauges).joined(separator: " ")
  }

  /// The counters of a line, as if they had begun at 0. Nil for a line that says something else.
  static func observation(_ line: String) -> TunerObservation? {
    let words = line.split(separator: " ")
    guard words.count == 2 + counters.count + 6, words[0] == "count", words[1] == "x1" else {
      return nil
    }
    var numbers: [Substring: Double] = [:]
    for word in words.dropFirst(2) {
      let pair = word.split(separator: "=")
      guard pair.count == 2, let value = Double(pair[1]), value >= 0, value < 1e18 else {
        return nil
      }
      numbers[pair[0]] = value
    }
    var seen = TunerObservation()
    for (name, counter) in counters {
      guard let value = numbers[name[...]] else { return nil }
      seen[keyPath: counter] = UInt64(value)
    }
    guard let pages = numbers["pages"], let live = numbers["live"], let bytes = numbers["bytes"],
      let cache = numbers["cache"], let entry = numbers["entry"], let unit = numbers["unit"]
    else { return nil }
    seen.indexPages = UInt64(pages)
    seen.livePages = UInt64(live)
    seen.indexBytes = UInt64(bytes)
    seen.cacheBytes = UInt64(cache)
    seen.memtableBytesPerPage = entry
    seen.unitBytesPerMemtableByte = unit
    return seen
  }
}
