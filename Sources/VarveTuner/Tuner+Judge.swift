// The judgement: what a move was to save against what it saved. What did not pay is taken back.

internal import VarveBase

extension Tuner {
  mutating func judge(_ trial: Trial, _ atUnix: Double) -> Move? {
    guard let span else { return nil }
    if let loss = plainLoss(trial, span) { return revert(trial, loss) }
    guard span.count >= options.judgeWindowsMin,
      span.putPages >= trial.after.turnPages || span.count >= options.judgeWindowsMax
        || !writesCount(trial.baseline)
    else { return nil }
    let gain = measuredGain(trial, span)
    learn(trial, span, gain)
    guard gain >= max(options.paidMin, options.paidShareMin * trial.predictedGain) else {
      return revert(trial, gain)
    }
    history.judge(trial.ids, .kept, measuredGain: gain, Self.told(trial, gain))
    failures = 0
    // What judged it is the picture of the load for the next step, which may follow at once.
    phase = .gathering
    reviewAt = windowCount
    return nil
  }

  private mutating func learn(_ trial: Trial, _ span: TunerWindow, _ gain: Double) {
    mistrust += (max(0, trial.predictedGain - gain) - mistrust) / 2
    guard let scale = IndexScale(span) else { return }
    fit.learnBatches(from: (trial.baseline, trial.from), to: (span, trial.to), scale)
    fit.learn(span, setting, scale)
  }

  /// What `span` lost against the baseline, where that is plain already. One window proves nothing.
  func plainLoss(_ trial: Trial, _ span: TunerWindow) -> Double? {
    guard span.count >= 2 else { return nil }
    let reading = prices.reading(span) ?? trial.after.reading
    let gain = gain(trial, span, reading: reading, writing: leastWriting(span, trial.after))
    return gain < -options.plainLoss ? gain : nil
  }

  /// Takes a move back and bars it.
  mutating func revert(_ trial: Trial, _ gain: Double) -> Move {
    let told = Self.told(trial, gain)
    history.judge(trial.ids, .reverted, measuredGain: gain, told)
    for name in trial.from.differing(from: trial.to) {
      reasons[name] = "\(Text.number(trial.to[name])) was tried: \(told)"
    }
    mistrust = max(mistrust, (trial.predictedGain - gain) / 2)
    failures += 1
    bar(trial.to)
    setting = trial.from
    enter(.gathering)
    reviewAt = windowCount + options.reviewWindows << min(failures, options.reviewDoublingsMax)
    return Move(setting: setting, joins: false)
  }

  private static func told(_ trial: Trial, _ gain: Double) -> String {
    "measured \(Text.percent(gain)) where \(Text.percent(trial.predictedGain)) was expected"
  }

  /// Whether puts were a share of the cost worth waiting for.
  private func writesCount(_ baseline: TunerWindow) -> Bool {
    let reading = (prices.reading(baseline) ?? 0) * baseline.mix.reads
    let writing = (prices.writing(baseline) ?? 0) * baseline.mix.put
    return writing > 0.1 * (reading + writing)
  }

  /// The share of the cost that is saved, the load's pages being those of the baseline.
  func measuredGain(_ trial: Trial, _ after: TunerWindow) -> Double {
    gain(
      trial, after, reading: likelyReading(after, trial.after),
      writing: likelyWriting(after, trial.after))
  }

  /// Reading and writing are compared a page each, so that a load that moved a little within the
  /// drift allowed does not pass for a gain.
  private func gain(
    _ trial: Trial, _ after: TunerWindow, reading: Double, writing: Double
  ) -> Double {
    let before = trial.baseline
    let old =
      likelyWriting(before, trial.before) * before.mix.put
      + likelyReading(before, trial.before) * before.mix.reads
    let new = writing * before.mix.put + reading * before.mix.reads
    return old > 0 ? 1 - new / old : 0
  }

  /// What reading costs a page, by what was expected and counted. Runs pile up from one merge into
  /// the last level to the next: what was counted stands for as much of that as it has seen, or for
  /// as long as it has lasted.
  private func likelyReading(_ window: TunerWindow, _ expected: Trial.Expected) -> Double {
    guard window.readPages >= options.windowPagesMin / 10, let counted = prices.reading(window)
    else { return expected.reading }
    let lasted = Double(window.count) / Double(options.judgeWindowsMax)
    let seen = min(1, max(window.putPages / max(1, expected.turnPages), lasted))
    return expected.reading + (counted - expected.reading) * seen
  }

  /// The same of writing, of which a window sees one merge into the last level or none: it takes
  /// several to tell.
  private func likelyWriting(_ window: TunerWindow, _ expected: Trial.Expected) -> Double {
    guard let counted = prices.writing(window) else { return expected.writing }
    let seen = min(1, window.putPages / max(1, options.provingTurns * expected.turnPages))
    return expected.writing + (counted - expected.writing) * seen
  }

  /// What it costs if nothing more is written until the last level's turn is over.
  private func leastWriting(_ window: TunerWindow, _ expected: Trial.Expected) -> Double {
    guard let counted = prices.writing(window) else { return expected.writing }
    return max(
      expected.writing, counted * min(1, window.putPages / max(1, expected.turnPages)))
  }

  /// A load that changed while a move was on trial judges nothing: what is in force stays, and the
  /// new load decides anew.
  mutating func overtake() {
    switch phase {
    case .gathering: break
    case .settling(let trial), .judging(let trial):
      history.judge(
        trial.ids, .overtaken, measuredGain: 0, "the load changed before it could be judged")
    }
  }

  private mutating func bar(_ setting: Setting) {
    let index = bars.firstIndex { $0.setting == setting }
    let times = index.map { bars[$0].times + 1 } ?? 1
    // Twice as long each time, up to about a thousand times the first.
    let windows = options.barWindows << min(times - 1, 10)
    let bar = Bar(setting: setting, until: windowCount + windows, times: times)
    if let index {
      bars[index] = bar
    } else {
      if bars.count == Limits.tunerBarredMax { bars.removeFirst() }
      bars.append(bar)
    }
  }
}
