// One run: a store is filled, then goes through phases of load, with a shape that stands or with
// the tuner on.

import Logging
import VarveBase
import VarveEngine
import VarveServer
import VarveTuner

/// A phase of a run, as it came out.
struct PhaseResult: Sendable {
  let load: BenchLoad
  let cost: BenchCost
  /// The mix that the tuner would see, and the index at the phase's end: what the model is asked
  /// with.
  let window: TunerWindow
  /// The same as a line.
  let record: String
  /// The shape at the phase's end.
  let shape: String

  init(
    _ load: BenchLoad, from before: TunerObservation, to after: TunerObservation, shape: String
  ) {
    self.load = load
    self.shape = shape
    cost = BenchCost(from: before, to: after)
    window = TunerWindow(from: before, to: after)
    record = WindowRecord.line(from: before, to: after)
  }

  /// - Parameter windows: of the phase, that follow each other.
  init(_ load: BenchLoad, _ windows: [TunerObservation], shape: String) {
    precondition(windows.count > 1, "a phase of no windows")
    // The index as large as it was in the mean: at the end it may just have lost half of itself.
    var last = windows[windows.count - 1]
    func mean(_ pages: KeyPath<TunerObservation, UInt64>) -> Double {
      let sum = windows.dropFirst().reduce(0.0) { $0 + Double($1[keyPath: pages]) }
      return (sum / Double(windows.count - 1)).rounded()
    }
    let pages = mean(\.indexPages)
    if last.indexPages > 0 {
      last.indexBytes = UInt64(pages * Double(last.indexBytes) / Double(last.indexPages))
    }
    last.indexPages = UInt64(pages)
    last.livePages = UInt64(mean(\.livePages))
    self.init(load, from: windows[0], to: last, shape: shape)
  }
}

struct TunerRun {
  let scale: BenchScale
  let phases: [BenchLoad]
  /// Windows of a phase, and pages handled in each.
  let windows: Int
  let windowPages: Int
  let seed: UInt64

  /// A shape that stands.
  func fixed(_ shape: IndexShape) throws -> [PhaseResult] {
    let index = try BenchIndex(scale, shape, seed: seed)
    defer { index.close() }
    try index.fill()
    return try phases.map { try run($0, on: index, tuner: nil) }
  }

  /// The tuner, beginning with `shape`.
  ///
  /// - Parameter record: told what each window counted.
  func tuned(
    _ shape: IndexShape, mode: TunerMode = .auto,
    record: (TunerObservation, TunerObservation) -> Void = { _, _ in }
  ) throws -> (phases: [PhaseResult], tuner: Tuner) {
    let index = try BenchIndex(scale, shape, seed: seed)
    defer { index.close() }
    try index.fill()
    var logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    var settings = TunerSettings()
    settings.mode = mode
    let driver = TunerDriver(
      index.engine, settings, knobs: Self.knobs(scale),
      prices: .bytes(blockBytes: BenchCost.blockBytes), clock: index.clock, logger: logger)
    driver.turn()
    var last = TunerObservation(index.engine.indexObservation())
    let results = try phases.map { load in
      try run(load, on: index, tuner: driver) {
        let now = TunerObservation(index.engine.indexObservation())
        record(last, now)
        last = now
      }
    }
    return (results, driver.current)
  }

  /// T, K and Z are the tuner's; the memory stays as every other run has it.
  static func knobs(_ scale: BenchScale) -> [Knob] {
    let memtable = Double(scale.memtableBytes)
    return Knob.ofIndex(memtableBytes: memtable...memtable).map { knob in
      switch knob.name {
      case .sizeRatio, .innerRunsMax, .lastRunsMax: knob
      case .memtableBytes: knob.within(memtable...memtable)
      case .filterBits: knob.within(scale.filterBits...scale.filterBits)
      }
    }
  }

  private func run(
    _ load: BenchLoad, on index: BenchIndex, tuner: TunerDriver?, windowEnded: () -> Void = {}
  ) throws -> PhaseResult {
    var seen = [TunerObservation(index.engine.indexObservation())]
    for _ in 0..<windows {
      var pages = 0
      while pages < windowPages * load.windowFactor { pages += try index.step(load) }
      tuner?.turn()
      windowEnded()
      seen.append(TunerObservation(index.engine.indexObservation()))
    }
    return PhaseResult(load, seen, shape: index.engine.tuning.shape.name)
  }
}

extension IndexShape {
  var name: String { "T\(sizeRatio) K\(innerRunsMax) Z\(lastRunsMax)" }
}
