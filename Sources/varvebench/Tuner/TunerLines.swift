// Lines of `varvebench tuner`: the sizes of a run, what each phase cost with each shape and with
// the tuner, and how well the cost model orders the shapes.

/// The sizes of a run.
struct TunerRunLine: Codable, Equatable {
  var kind = "tuner_run"
  let pages: Int
  let cacheBytes: Int
  let memtableBytes: Int
  let filterBits: Double
  let fingerprints: Bool
  let windows: Int
  let windowPages: Int
  let seed: UInt64
  var settingsTried: Int?
  var searchMicros: Double?
  var searchMicrosMost: Double?

  init(_ run: TunerRun, _ searches: TunerBench.Searches?) {
    pages = run.scale.pages
    cacheBytes = run.scale.cacheBytes
    memtableBytes = run.scale.memtableBytes
    filterBits = run.scale.filterBits
    fingerprints = run.scale.hasFingerprints
    (windows, windowPages, seed) = (run.windows, run.windowPages, run.seed)
    settingsTried = searches?.tried
    searchMicros = searches?.median
    searchMicrosMost = searches?.micros.last
  }
}

/// One phase of one shape that stands still (`static`), or of the tuner.
struct TunerPhaseLine: Codable, Equatable {
  static let ofShape = "static"
  static let ofTuner = "tuner"

  let kind: String
  let shape: String
  let phase: Int
  let load: String
  let blockReads: Double
  let bytes: Double
  let putPages: Double
  let readPages: Double
  let total: Double
  let endShape: String
  let record: String

  init(_ kind: String, _ shape: String, phase: Int, _ result: PhaseResult) {
    self.kind = kind
    self.shape = shape
    self.phase = phase
    load = result.load.name
    blockReads = result.cost.blockReads
    bytes = result.cost.bytes
    putPages = result.cost.putPages
    readPages = result.cost.readPages
    total = result.cost.total
    endShape = result.shape
    record = result.record
  }
}

/// Reads, writes and both together of a phase over all shapes: said and counted.
struct RankCorrelationLine: Codable, Equatable {
  var kind = "rank_correlation"
  let phase: Int
  let load: String
  let reads: Double
  let writes: Double
  let total: Double
}
