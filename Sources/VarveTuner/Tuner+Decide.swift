// The decision: fit the model to what was counted, search, and make the one step that pays most.

internal import VarveBase

extension Tuner {
  mutating func decide(_ span: TunerWindow, _ atUnix: Double) -> Move? {
    reviewAt = windowCount + options.reviewWindows << min(failures, options.reviewDoublingsMax)
    mistrust *= Self.mistrustKept
    guard let scale = IndexScale(span) else { return nil }
    pagesAtDecision = scale.pages
    fit.learn(span, setting, scale)
    var model = CostModel(scale: scale, mix: span.mix, prices: prices, fit: fit)
    let barred = bars.filter { $0.until > windowCount }.map(\.setting)
    let now = model.estimate(setting)
    let best = SettingSearch.best(&model, knobs: knobs, current: setting, without: barred)
    guard let step = step(toward: best.setting, from: now, &model, barred),
      pays(step, from: now, span, scale)
    else {
      explain(stays: best, now)
      return nil
    }
    drift.refer(to: span.mix)
    return record(step, from: now, span, &model, atUnix)
  }

  /// One step of the way to `best`, the one that gains most: the tree's shape (T, K and Z mean
  /// something only together), the memtable, or the filters. All of them where none gains alone.
  private func step(
    toward best: Setting, from now: CostEstimate, _ model: inout CostModel, _ barred: [Setting]
  ) -> (setting: Setting, cost: CostEstimate)? {
    guard best != setting else { return nil }
    var chosen = (setting: best, cost: model.estimate(best))
    var most = options.gainMin
    for names in KnobName.steps {
      var one = setting
      for name in names { one[name] = best[name] }
      guard one != setting, !barred.contains(one) else { continue }
      let cost = model.estimate(one)
      let gain = 1 - cost.nanos / now.nanos
      if gain >= most {
        most = gain
        chosen = (one, cost)
      }
    }
    return chosen
  }

  /// What is left of the mistrust at every decision: a model that went wrong once gets its chances.
  static let mistrustKept = 0.9

  /// Whether a step gains enough, and earns soon what forming its runs costs.
  private func pays(
    _ step: (setting: Setting, cost: CostEstimate), from now: CostEstimate, _ span: TunerWindow,
    _ scale: IndexScale
  ) -> Bool {
    let saved = now.nanos - step.cost.nanos
    guard saved >= (options.gainMin + mistrust) * now.nanos else { return false }
    let pagesAWindow = (span.readPages + span.putPages) / Double(span.count)
    return saved * pagesAWindow * options.paybackWindows >= transition(to: step.setting, scale)
  }

  /// What merging runs that the new shape has too many of, or too large levels of, costs at most:
  /// one rewriting of the levels that have to have fewer.
  private func transition(to next: Setting, _ scale: IndexScale) -> Double {
    var share = 0.0
    if next[.innerRunsMax] < setting[.innerRunsMax] { share = 1 / next[.sizeRatio] }
    if next[.lastRunsMax] < setting[.lastRunsMax] { share = 1 }
    // What the last level held in several runs is too much for a level above a new last one.
    if next[.sizeRatio] < setting[.sizeRatio] {
      share = setting[.lastRunsMax] > 1 ? 1 : max(share, 1 / next[.sizeRatio])
    }
    return share * scale.pages * scale.bytesPerPage * (prices.byteRead + prices.byteWritten)
  }

  /// Whether joining runs right away earns what it costs before puts would have formed them anew.
  private func earnsJoining(
    _ trial: Trial, from now: CostEstimate, to next: CostEstimate, _ scale: IndexScale
  ) -> Bool {
    let windows = Double(trial.baseline.count)
    let untilFormed = trial.after.turnPages / max(1, trial.baseline.putPages / windows)
    guard untilFormed > Double(options.settleWindowsMax) else { return false }
    let saved = (now.readNanos - next.readNanos) * trial.baseline.readPages / windows
    let cost = scale.pages * scale.bytesPerPage * (prices.byteRead + prices.byteWritten)
    return saved * min(untilFormed, options.paybackWindows) > cost
  }

  private mutating func record(
    _ step: (setting: Setting, cost: CostEstimate), from now: CostEstimate, _ span: TunerWindow,
    _ model: inout CostModel, _ atUnix: Double
  ) -> Move? {
    let gain = 1 - step.cost.nanos / now.nanos
    let names = setting.differing(from: step.setting)
    if mode == .observe {
      for name in names where !isSaid(name, step.setting[name]) {
        history.add(
          atUnix: atUnix, name, from: setting[name], to: step.setting[name], predictedGain: gain,
          verdict: .observed, reason: Self.reason(now, step.cost))
      }
      enter(.gathering)
      return nil
    }
    let ids = names.map { name in
      reasons[name] = Self.reason(now, step.cost)
      return history.add(
        atUnix: atUnix, name, from: setting[name], to: step.setting[name], predictedGain: gain,
        verdict: .judging, reason: Self.reason(now, step.cost))
    }
    let trial = Trial(
      ids: ids, from: setting, to: step.setting, baseline: span, predictedGain: gain,
      before: Trial.Expected(now, turnPages: model.turnPages(setting)),
      after: Trial.Expected(step.cost, turnPages: model.turnPages(step.setting)))
    setting = step.setting
    enter(.settling(trial))
    return Move(
      setting: setting, joins: earnsJoining(trial, from: now, to: step.cost, model.scale))
  }

  /// Whether the last word on a knob was the same proposal: observing should not fill the history.
  private func isSaid(_ name: KnobName, _ value: Double) -> Bool {
    guard let last = history.decisions.last(where: { $0.knob == name }) else { return false }
    return last.verdict == .observed && last.to == value && last.from == setting[name]
  }

  private mutating func explain(stays best: SettingSearch.Found, _ now: CostEstimate) {
    let gain = Text.percent(1 - best.cost.nanos / now.nanos)
    for name in KnobName.allCases {
      let value = best.setting[name]
      reasons[name] =
        value == setting[name]
        ? "best by the model" : "\(Text.number(value)) with others would gain \(gain), too little"
    }
  }

  static func reason(_ now: CostEstimate, _ next: CostEstimate) -> String {
    func blocks(_ cost: CostEstimate) -> String {
      "\(Text.fixed(cost.falsePasses, 4)) \(Text.fixed(cost.presentBlocks, 4))"
    }
    let merged = [now, next].map { Text.fixed($0.mergedBytes, 0) }
    return "blocks an absent and a present page \(blocks(now)) to \(blocks(next)), "
      + "of them read \(Text.percent(now.missShare)) to \(Text.percent(next.missShare)), "
      + "merged bytes a page \(merged[0]) to \(merged[1])"
  }
}
