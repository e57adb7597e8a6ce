// The judgement: what a move was to save against what it saved. What did not pay is taken back.

internal import VarveBase

extension Tuner {
  mutating func judge(_ trial: Trial, _ atUnix: Double) {
    guard let span else { return }
    if let loss = plainLoss(trial, span) { return revert(trial, loss) }
    guard span.count >= options.judgeWindowsMin,
      hasTurned(span) || span.count >= options.judgeWindowsMax || !writesCount(trial.baseline)
    else { return }
    let gain = measuredGain(from: trial.baseline, to: span)
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
    let gain = measuredGain(from: trial.baseline, to: span)
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

  /// The share of the cost that is saved, the load's pages being those of `before`.
  ///
  /// Reading and writing are measured a page each, so that a load that moved a little within the
  /// drift allowed does not pass for a gain. What happened too seldom to be measured counts as
  /// unchanged.
  func measuredGain(from before: TunerWindow, to after: TunerWindow) -> Double {
    var old = 0.0
    var new = 0.0
    if let reading = prices.reading(before) {
      let now = after.readPages >= options.windowPagesMin / 10 ? prices.reading(after) : nil
      old += reading * before.mix.reads
      new += (now ?? reading) * before.mix.reads
    }
    if let writing = prices.writing(before) {
      let now = after.flushedBytes > 0 ? prices.writing(after) : nil
      old += writing * before.mix.put
      new += (now ?? writing) * before.mix.put
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
