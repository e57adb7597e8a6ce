// The tuner's decisions: golden text, and in a closed loop with an index that exists as numbers.

import Foundation
import Testing
import VarveBase

@testable import VarveTuner

@Suite struct TunerTests {
  @Test(arguments: ["tuner.txt", "recorded.txt"])
  func `decisions are those of the golden text`(_ file: String) throws {
    let text = try GoldenFile.read(file)
    var script = TunerScript()
    let written = try GoldenFile.replay(text) { try script.run($0) }
    if GoldenFile.isWriting {
      try GoldenFile.write(file, written)
    } else {
      #expect(written == text)
    }
  }

  @Test func `runs are joined at once where puts would take long and the reads pay for it`() {
    func joins(_ load: SampleLoad) -> [Bool] {
      var index = SampleIndex(Samples.shape(8, 7, 7))
      var tuner = Tuner(
        knobs: Samples.knobs, setting: Samples.shape(8, 7, 7), prices: index.prices)
      var joins: [Bool] = []
      for window in 0..<40 {
        guard let move = tuner.observe(index.run(load), atUnix: Double(window)) else { continue }
        joins.append(move.joins)
        index.setting = move.setting
      }
      return joins
    }
    let asked = joins(SampleLoad(absent: 400_000, present: 100_000, put: 500))
    #expect(asked.first == true, "puts would take two hundred windows to form the runs anew")
    // As many puts form every run anew within a few windows.
    let put = joins(SampleLoad(absent: 400_000, present: 100_000, put: 200_000))
    #expect(!put.isEmpty && put.allSatisfy { !$0 })
    // Hardly anything is read: rewriting the index would never be earned.
    #expect(joins(SampleLoad(absent: 1_500, present: 500, put: 50)).allSatisfy { !$0 })
  }

  /// The cost of `windows` under a tuner, and of the setting that it began with.
  private func spend(
    _ load: SampleLoad, windows: Int, seed: UInt64, noise: Double,
    distortion: @escaping (Setting) -> Double = { _ in 1 }
  ) -> (tuned: Double, fixed: Double, tuner: Tuner) {
    var tuned = SampleIndex(Samples.setting)
    tuned.noise = noise
    tuned.distortion = distortion
    tuned.random = SampleRandom(seed: seed)
    var fixed = tuned
    var tuner = Tuner(
      knobs: Samples.knobs, setting: Samples.setting, prices: tuned.prices)
    for window in 0..<windows {
      if let setting = tuner.observe(tuned.run(load), atUnix: Double(window))?.setting {
        tuned.setting = setting
      }
      _ = fixed.run(load)
    }
    return (tuned.spent, fixed.spent, tuner)
  }

  @Test(arguments: [SampleLoad.puts, .probes, .mixed])
  func `where the model is right the tuner comes near the best`(_ load: SampleLoad) {
    let (_, _, tuner) = spend(load, windows: 200, seed: 5, noise: 0.02)
    var model = Samples.model(absent: load.absent, present: load.present, put: load.put)
    let best = SettingSearch.best(&model, knobs: Samples.knobs, current: Samples.setting)
    #expect(model.estimate(tuner.setting).nanos <= best.cost.nanos * 1.05)
    #expect(tuner.history.decisions.contains { $0.verdict == .kept })
  }

  @Test(arguments: [UInt64](1...4))
  func `where the model is wrong the tuner does no harm`(_ seed: UInt64) {
    // In truth every other setting is worse than the first, by 2 to 40 %, whatever the model says.
    let truth: (Setting) -> Double = { setting in
      if setting == Samples.setting { return 1.0 }
      var model = Samples.model(
        absent: SampleLoad.mixed.absent, present: SampleLoad.mixed.present,
        put: SampleLoad.mixed.put)
      let fair = model.estimate(Samples.setting).nanos / model.estimate(setting).nanos
      var hash = SampleRandom(seed: UInt64(setting[.sizeRatio] * 100 + setting[.innerRunsMax]))
      return fair * hash.number(1.02...1.4)
    }
    let (tuned, fixed, tuner) = spend(
      .mixed, windows: 600, seed: seed, noise: 0.03, distortion: truth)
    #expect(tuned <= fixed * 1.03, "\(tuned / fixed)")
    #expect(tuner.history.decisions.contains { $0.verdict == .reverted })
  }

  @Test func `what did not pay is barred for longer every time`() {
    let (_, _, tuner) = spend(.mixed, windows: 600, seed: 9, noise: 0) { setting in
      setting == Samples.setting ? 1 : 3
    }
    let reverted = tuner.history.decisions.filter { $0.verdict == .reverted }
    #expect(!reverted.isEmpty)
    #expect(tuner.setting == Samples.setting)
    // Reviews come after 24 windows, then 48, 96, 192: five trials in six hundred.
    #expect(reverted.count <= 5, "\(reverted.count)")
  }

  @Test func `the same observations give the same decisions`() {
    let one = spend(.mixed, windows: 100, seed: 4, noise: 0.05)
    let two = spend(.mixed, windows: 100, seed: 4, noise: 0.05)
    #expect(one.tuner.history == two.tuner.history)
    #expect(one.tuned == two.tuned)
  }

  @Test func `idle windows go on until they have their pages`() {
    var index = SampleIndex(Samples.setting)
    var tuner = Tuner(knobs: Samples.knobs, setting: Samples.setting)
    for step in 0..<100 {
      _ = tuner.observe(index.run(SampleLoad(absent: 1, present: 9)), atUnix: Double(step))
    }
    #expect(tuner.windowCount == 0)
    _ = tuner.observe(index.run(SampleLoad(absent: 1, present: 9)), atUnix: 101)
    #expect(tuner.windowCount == 1)
    #expect(tuner.window?.lookupPages == 1000)
  }

  @Test func `the history and the bars are bounded`() {
    var history = TunerHistory(countMax: 3)
    for number in 1...5 {
      history.add(
        atUnix: 0, .sizeRatio, from: 0, to: Double(number), verdict: .manual, reason: "")
    }
    #expect(history.decisions.map(\.id) == [3, 4, 5])
    #expect(history.last(2).map(\.id) == [4, 5])
    #expect(history.last(0).count == 3 && history.last(9).count == 3)
  }

  @Test func `an operator's bounds are those of the knob`() throws {
    var tuner = Tuner(knobs: Samples.knobs, setting: Samples.setting)
    for value in [1, 17, 2.5, .nan, .infinity] {
      #expect(throws: TunerRefusal.self) {
        try tuner.take(Tuner.Request(manual: [.sizeRatio: value]), atUnix: 0)
      }
    }
    #expect(tuner.setting == Samples.setting)
    let moved = try tuner.take(
      Tuner.Request(manual: [.sizeRatio: 16, .filterBits: 2.5]), atUnix: 0)
    #expect(moved?[.sizeRatio] == 16 && moved?[.filterBits] == 2.5)
    #expect(tuner.knobs[KnobName.sizeRatio.index].isManual)
    #expect(try tuner.take(Tuner.Request(automatic: [.sizeRatio]), atUnix: 1) == nil)
    #expect(!tuner.knobs[KnobName.sizeRatio.index].isManual)
  }
}
