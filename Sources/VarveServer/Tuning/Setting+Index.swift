// Between the tuner's words and the engine's: the two do not know each other.

package import VarveEngine
package import VarveTuner

extension Setting {
  package init(_ tuning: IndexTuning) {
    self.init(
      sizeRatio: Double(tuning.sizeRatio), innerRunsMax: Double(tuning.innerRunsMax),
      lastRunsMax: Double(tuning.lastRunsMax), memtableBytes: Double(tuning.memtableBytes),
      filterBits: tuning.filterBitsPerName)
  }
}

extension IndexTuning {
  /// Knobs that count are whole: a tuner's candidates and an operator's values are.
  package init(_ setting: Setting) {
    self.init(
      sizeRatio: Int(setting[.sizeRatio]), innerRunsMax: Int(setting[.innerRunsMax]),
      lastRunsMax: Int(setting[.lastRunsMax]), memtableBytes: Int(setting[.memtableBytes]),
      filterBitsPerName: setting[.filterBits])
  }
}

extension TunerObservation {
  package init(_ index: IndexObservation) {
    self.init()
    absentPages = index.absentPages
    presentPages = index.presentPages
    lookupPages = index.lookupPages
    putPages = index.putPages
    putBytes = index.putBytes
    gotPages = index.gotPages
    gotBytes = index.gotBytes
    blockReads = index.blockReads
    blockHits = index.blockHits
    falsePasses = index.falsePasses
    flushedBytes = index.flushedBytes
    mergeReadBytes = index.mergeReadBytes
    mergeWrittenBytes = index.mergeWrittenBytes
    stallNanos = index.stallNanos
    indexPages = index.indexPages
    livePages = index.livePages
    indexBytes = index.indexBytes
    cacheBytes = index.cacheBytes
    memtableBytesPerPage = index.memtableBytesPerPage
    let unit = IndexShape.flushBytes(memtableBytes: 1 << 20)
    unitBytesPerMemtableByte = Double(unit) / Double(1 << 20)
    runs = index.runs
  }
}
