// What a run of `varvebench tuner` has to tell, as lines of results.

import VarveEngine

struct TunerBenchReport {
  let run: TunerRun
  var rows: [TunerBench.Row] = []
  var tuned: [PhaseResult] = []
  var correlations: [TunerBench.Correlation] = []
  var searches: TunerBench.Searches?

  func lines() -> [ResultLine] {
    var lines: [ResultLine] = [.tunerRun(TunerRunLine(run, searches))]
    for row in rows {
      lines += row.phases.enumerated().map { phase, result in
        .tunerPhase(
          TunerPhaseLine(TunerPhaseLine.ofShape, row.shape.name, phase: phase, result))
      }
    }
    lines += tuned.enumerated().map { phase, result in
      .tunerPhase(TunerPhaseLine(TunerPhaseLine.ofTuner, "tuner", phase: phase, result))
    }
    lines += correlations.enumerated().map { phase, correlation in
      .rankCorrelation(
        RankCorrelationLine(
          phase: phase, load: correlation.load.name, reads: correlation.reads,
          writes: correlation.writes, total: correlation.total))
    }
    return lines
  }
}
