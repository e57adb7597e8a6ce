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

  /// Reads and writes of a phase over all shapes: predicted and counted, a page.
  struct Correlation {
    let load: BenchLoad
    let reads: Double
    let writes: Double
  }

  let run: TunerRun

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
        writes: RankCorrelation.of(said.map(\.writeNanos), costs.map(\.bytesPerPut)))
    }
  }

  /// What the model says of every shape in one phase, having seen the default shape in it alone.
  func predictions(_ rows: [Row], phase: Int) -> [CostEstimate] {
    guard let base = rows.first(where: { $0.shape == IndexShape() }) ?? rows.first,
      let window = base.phases[phase].window, let scale = IndexScale(window)
    else { return rows.map { _ in CostEstimate() } }
    var fit = CostFit()
    for _ in 0..<4 { fit.learn(window, setting(base.shape), scale) }
    var model = CostModel(
      scale: scale, mix: window.mix, prices: .bytes(blockBytes: BenchCost.blockBytes), fit: fit)
    return rows.map { model.estimate(setting($0.shape)) }
  }

  private func setting(_ shape: IndexShape) -> Setting {
    Setting(
      IndexTuning(
        shape: shape, memtableBytes: run.scale.memtableBytes,
        filterBitsPerName: run.scale.filterBits))
  }
}
