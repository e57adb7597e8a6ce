// The tuner beside every shape that stands still, and the cost model beside the counts.

import VarveEngine
import VarveServer
import VarveTuner

struct TunerBench {
  /// Shapes that a static store may have: leveling, lazy leveling, tiering and what lies between.
  static let shapes: [IndexShape] = [
    (2, 1, 1), (4, 1, 1), (8, 1, 1), (4, 3, 1), (6, 5, 1), (10, 9, 1), (4, 3, 3), (6, 2, 2),
    (8, 3, 3), (8, 7, 7), (12, 3, 1), (16, 15, 15),
  ].map { IndexShape(sizeRatio: $0.0, innerRunsMax: $0.1, lastRunsMax: $0.2) }

  /// What one shape cost and what the model says of it.
  struct Row {
    let shape: IndexShape
    let phases: [PhaseResult]
  }

  /// Reads and writes of a phase over all shapes, a page, and both together: predicted and counted.
  struct Correlation {
    let load: BenchLoad
    let reads: Double
    let writes: Double
    let total: Double
  }

  /// Searches over every knob, each from its own start.
  struct Searches {
    /// Settings that one tries.
    let tried: Int
    /// Processor time of each, rising.
    let micros: [Double]

    var median: Double { micros[micros.count / 2] }
  }

  private static let searchRounds = 101

  let run: TunerRun

  /// The rows of an earlier run's lines.
  func statics(from lines: [ResultLine]) throws -> [Row] {
    var found: [String: [PhaseResult]] = [:]
    for case .tunerPhase(let line) in lines where line.kind == TunerPhaseLine.ofShape {
      guard run.phases.indices.contains(line.phase),
        let seen = WindowRecord.observation(line.record)
      else { throw Failure("no phase of a static shape: \(line.record)") }
      found[line.shape, default: []].append(
        PhaseResult(run.phases[line.phase], from: TunerObservation(), to: seen, shape: line.shape))
    }
    return try Self.shapes.compactMap { shape in
      guard let phases = found[shape.name] else { return nil }
      guard phases.count == run.phases.count else {
        throw Failure("\(shape.name) has \(phases.count) phases, not \(run.phases.count)")
      }
      return Row(shape: shape, phases: phases)
    }
  }

  func statics(_ shapes: [IndexShape], _ tell: (Row) -> Void) throws -> [Row] {
    try shapes.map { shape in
      let row = Row(shape: shape, phases: try run.fixed(shape))
      tell(row)
      return row
    }
  }

  /// How the model orders the shapes in each phase, and how the counts do.
  func correlations(_ rows: [Row]) -> [Correlation] {
    run.phases.indices.map { phase in
      let said = predictions(rows, phase: phase)
      let costs = rows.map { $0.phases[phase].cost }
      return Correlation(
        load: run.phases[phase],
        reads: RankCorrelation.of(said.map(\.readNanos), costs.map(\.readsPerPage)),
        writes: RankCorrelation.of(said.map(\.writeNanos), costs.map(\.bytesPerPut)),
        total: RankCorrelation.of(said.map(\.nanos), costs.map(\.total)))
    }
  }

  /// What the model says of every shape in one phase, having seen the default shape in it alone.
  func predictions(_ rows: [Row], phase: Int) -> [CostEstimate] {
    guard let base = rows.first(where: { $0.shape == IndexShape() }) ?? rows.first,
      case let window = base.phases[phase].window, let scale = IndexScale(window)
    else { return rows.map { _ in CostEstimate() } }
    var fit = CostFit()
    for _ in 0..<4 { fit.learn(window, setting(base.shape), scale) }
    var model = CostModel(
      scale: scale, mix: window.mix, prices: .bytes(blockBytes: BenchCost.blockBytes), fit: fit)
    return rows.map { model.estimate(setting($0.shape)) }
  }

  /// What a decision takes: all five knobs with all their candidates, under the load of `phase`.
  func searches(_ phase: PhaseResult) -> Searches? {
    let window = phase.window
    guard let scale = IndexScale(window) else { return nil }
    let most = Double(run.scale.memtableBytes)
    let knobs = Knob.ofIndex(memtableBytes: most / 4...most)
    var tried = 0
    let micros = (0..<Self.searchRounds).map { _ in
      let started = ThreadClock.nanos()
      var model = CostModel(
        scale: scale, mix: window.mix, prices: .bytes(blockBytes: BenchCost.blockBytes),
        fit: CostFit())
      let found = SettingSearch.best(&model, knobs: knobs, current: setting(IndexShape()))
      tried = found.tried
      return Double(ThreadClock.nanos() - started) / 1_000
    }
    return Searches(tried: tried, micros: micros.sorted())
  }

  private func setting(_ shape: IndexShape) -> Setting {
    Setting(
      IndexTuning(
        shape: shape, memtableBytes: run.scale.memtableBytes,
        filterBitsPerName: run.scale.filterBits))
  }
}
