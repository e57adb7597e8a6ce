// What is known of a table without opening it: the manifest keeps it, the picker decides by it.

/// Numbers over the records of a table; the same in its properties block and in the manifest.
package struct TableCounts: Equatable, Sendable {
  /// Path and id records, tombstones included.
  package var records: UInt64 = 0
  /// Pages by their id records.
  package var pages: UInt64 = 0
  /// Deletes by their id records.
  package var tombstones: UInt64 = 0
  /// Names the filter may hold: id records, and path tombstones that stand alone.
  package var names: UInt64 = 0
  /// Keys and values that share nothing with others, and the most that framing them can take.
  package var flatBytes: UInt64 = 0
  /// Births and delete sequences; lowest above highest when there are no records.
  package var sequenceMin = UInt64.max
  package var sequenceMax: UInt64 = 0
  /// Segments that page records name; lowest above highest when there are none.
  package var segmentMin = UInt64.max
  package var segmentMax: UInt64 = 0

  package init() {}

  /// The share of its page records whose segments are below `liveFrom`, if each has as many.
  func deadShare(liveFrom: UInt64) -> Double {
    guard segmentMin < liveFrom else { return 0 }
    guard liveFrom <= segmentMax else { return 1 }
    return Double(liveFrom - segmentMin) / Double(segmentMax - segmentMin + 1)
  }

  mutating func count(
    _ record: IndexRecord, _ kind: IndexKey.Kind, keyBytes: Int, placeBytes: Int
  ) {
    records += 1
    flatBytes += UInt64(
      keyBytes + record.flatBodyBytes(under: kind) + placeBytes
        + TableFormat.entryOverheadBytesMax)
    sequenceMin = min(sequenceMin, record.sequence)
    sequenceMax = max(sequenceMax, record.sequence)
    if kind == .id || record.kind == .tombstone { names += 1 }
    if record.kind == .page {
      segmentMin = min(segmentMin, record.location.segment)
      segmentMax = max(segmentMax, record.location.segment)
      if kind == .id { pages += 1 }
    } else if kind == .id {
      tombstones += 1
    }
  }
}

/// One table of the index as the manifest names it.
package struct TableSummary: Equatable, Sendable {
  /// The file's number: `tables/%016x.sst`. Never reused.
  package var number: UInt64
  /// Age: a flushed table takes its own number, a merged one the highest order of its inputs.
  /// Higher is newer; no two tables in force share one.
  package var order: UInt64
  /// Level in the tree's shape; 0 with the one merge rule of now.
  package var level: UInt8
  package var fileBytes: UInt64
  package var counts: TableCounts

  package init(
    number: UInt64, order: UInt64, level: UInt8 = 0, fileBytes: UInt64, counts: TableCounts
  ) {
    self.number = number
    self.order = order
    self.level = level
    self.fileBytes = fileBytes
    self.counts = counts
  }
}
