// The judgement: what a move was to save against what it saved. What did not pay is taken back.

internal import VarveBase

extension Tuner {
  mutating func judge(_ trial: Trial, _ atUnix: Double) {
    guard let span else { return }
    if let loss = plainLoss(trial, span) { return revert(trial, loss) }
    guard span.count >= options.judgeWindowsMin,
      span.putPages >= trial.expected.turnPages || span.count >= options.judgeWindowsMax
        || !writesCount(trial.baseline)
    else { return }
    let gain = measuredGain(trial, span)
    learn(trial, span, gain)
    guard gain >= options.paidMin else { return revert(trial, gain) }
    history.judge(trial.ids, .kept, measuredGain: gain, Self.told(trial, gain))
    failures = 0
    // What judged it is the picture of the load for the next step, which may follow at once.
    phase = .gathering
    reviewAt = windowCount
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
    let gain = measuredGain(trial, span)
    return gain < -options.plainLoss ? gain : nil
  }

  /// Takes a move back and bars it.
  mutating func revert(_ trial: Trial, _ gain: Double) {
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
  ///
  /// Reading and writing are measured a page each, so that a load that moved a little within the
  /// drift allowed does not pass for a gain. Merges into the last level are few and large: where
  /// fewer pages were put than bring one about, the measured change of writing counts in that
  /// proportion and the expected one for the rest. What was too seldom to be measured counts as
  /// unchanged.
  func measuredGain(_ trial: Trial, _ after: TunerWindow) -> Double {
    let before = trial.baseline
    var old = 0.0
    var new = 0.0
    if let reading = prices.reading(before) {
      let now = after.readPages >= options.windowPagesMin / 10 ? prices.reading(after) : nil
      old += reading * before.mix.reads
      new += (now ?? reading) * before.mix.reads
    }
    let expected = trial.expected
    if expected.writingBefore > 0 {
      let seen = [before, after].map { min(1, $0.putPages / max(1, expected.turnPages)) }
      func blended(_ window: TunerWindow, _ said: Double, _ share: Double) -> Double {
        said + ((prices.writing(window) ?? said) - said) * share
      }
      old += blended(before, expected.writingBefore, seen[0]) * before.mix.put
      new += blended(after, expected.writingAfter, seen[1]) * before.mix.put
    }
    return old > 0 ? 1 - new / old : 0
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
