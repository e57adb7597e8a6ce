// The closed forms: golden text of estimates, the division of filter memory against brute force,
// the search against trying everything.

import Foundation
import Testing
import VarveBase

@testable import VarveTuner

@Suite struct CostModelTests {
  /// `shape T K Z` lines after `index pages=… cache=… absent=… present=… put=…`.
  private func result(of input: [Substring]) throws -> String {
    var scale = Samples.scale
    var load = SampleLoad()
    var text = ""
    for line in input {
      let words = line.split(separator: " ")
      if words[0] == "index" {
        for word in words.dropFirst() {
          let pair = word.split(separator: "=")
          let value = try #require(Double(pair[1]))
          switch pair[0] {
          case "pages": scale.pages = value
          case "cache": scale.cacheBytes = value
          case "absent": load.absent = value
          case "present": load.present = value
          case "put": load.put = value
          default: Issue.record("what is \(word)?")
          }
        }
        continue
      }
      let numbers = words.dropFirst().compactMap { Double($0) }
      try #require(words[0] == "shape" && numbers.count == 4, "\(line)")
      var model = Samples.model(
        absent: load.absent, present: load.present, put: load.put, scale: scale)
      let cost = model.estimate(
        Samples.shape(numbers[0], numbers[1], numbers[2], bits: numbers[3]))
      text +=
        "false \(Text.fixed(cost.falsePasses, 5)) present \(Text.fixed(cost.presentBlocks, 4))"
      text += " read \(Text.percent(cost.missShare)) merged \(Text.fixed(cost.mergedBytes, 0))"
      text += " page \(Text.fixed(cost.nanos, 1))\n"
    }
    return text
  }

  @Test func `estimates are those of the golden text`() throws {
    let text = try GoldenFile.read("costs.txt")
    let written = try GoldenFile.replay(text) { try result(of: $0) }
    if GoldenFile.isWriting {
      try GoldenFile.write("costs.txt", written)
    } else {
      #expect(written == text)
    }
  }

  /// - Parameters: pages and runs of each level.
  private func falsePasses(_ pages: [Double], _ runs: [Double], _ bits: Double) -> Double {
    let groups = zip(pages, runs).map { RunGroup(names: $0 / $1, count: $1) }
    let allocation = FilterAllocation(runs: groups, bitsPerName: bits)
    let passes = groups.reduce(0) {
      $0 + $1.count * allocation.falsePositiveRate(names: $1.names)
    }
    let again = FilterBudgets(planned: groups, standing: groups).falsePasses(bitsPerName: bits)
    #expect(abs(passes - again) <= 1e-9 * max(1, passes), "the same for one budget and for many")
    return passes
  }

  @Test func `filters are divided better than any other way that was tried`() {
    var random = SampleRandom(seed: 7)
    for _ in 0..<400 {
      let levels = 1 + Int(random.next() % 4)
      let pages = (0..<levels).map { _ in Foundation.pow(10, random.number(0...7)) }
      let runs = (0..<levels).map { _ in Double(1 + random.next() % 9) }
      let bits = random.number(0...14)
      let best = falsePasses(pages, runs, bits)
      #expect(best.isFinite && best >= 0 && best <= runs.reduce(0, +) * 1.000001)
      for _ in 0..<50 {
        // Any division of the same bits: no less false passes.
        let weights = (0..<levels).map { _ in random.share() }
        let sum = weights.reduce(0, +)
        let all = pages.reduce(0, +) * bits
        var other = 0.0
        for level in 0..<levels {
          let own = all * weights[level] / sum / pages[level]
          other += runs[level] * Foundation.exp(-own * 0.480_453_013_918_201_4)
        }
        #expect(best <= other * 1.000001, "\(pages) \(runs) \(bits): \(best), \(other)")
      }
    }
  }

  @Test func `filters at the ends: no bits, one page, many bits`() {
    let none = falsePasses([10, 1000], [3, 1], 0)
    #expect(abs(none - 4) < 1e-9)
    #expect(falsePasses([1], [1], 16) < 0.001)
    #expect(falsePasses([], [], 10) == 0)
    // A large run without a filter leaves its share to the small ones.
    let capped = falsePasses([1000, 1e9], [1, 1], 0.00002)
    #expect(capped > 1 && capped < 1.0002)
  }

  @Test func `a layout holds the pages it was given`() {
    var random = SampleRandom(seed: 3)
    var layout = TreeLayout()
    for _ in 0..<1000 {
      let pages = Foundation.pow(10, random.number(0...10))
      let flush = Foundation.pow(10, random.number(0...6))
      layout.lay(
        indexPages: pages, flushPages: flush, unitPages: flush * random.number(0.3...3),
        sizeRatio: random.number(2...16).rounded(), innerRunsMax: random.number(1...15).rounded(),
        lastRunsMax: random.number(1...15).rounded())
      let held = layout.pages.reduce(0, +)
      #expect(abs(held - max(pages, flush)) <= 1e-6 * held)
      #expect(layout.runs.allSatisfy { $0 >= 0.5 && $0 <= 16 }, "\(layout.runs)")
      #expect(layout.copies >= 0 && layout.copies.isFinite)
      #expect(layout.pages.count <= Limits.modelLevelsMax)
      let one = layout.runsOfWindow(batches: 1)
      #expect(abs(one - 1) < 1e-6)
      #expect(layout.runsOfWindow(batches: 8) <= 8.000001)
    }
  }

  @Test func `more merging costs writes and saves runs`() {
    var leveled = Samples.model(put: 1)
    var tiered = Samples.model(put: 1)
    let one = leveled.estimate(Samples.shape(8, 1, 1))
    let many = tiered.estimate(Samples.shape(8, 7, 7))
    #expect(one.mergedBytes > 2 * many.mergedBytes)
    #expect(one.falsePasses < many.falsePasses)
    #expect(one.presentBlocks < many.presentBlocks)
  }

  @Test(arguments: [
    SampleLoad.puts, SampleLoad.probes, SampleLoad.mixed,
  ])
  func `the search finds what trying everything finds`(_ load: SampleLoad) {
    var model = Samples.model(absent: load.absent, present: load.present, put: load.put)
    let found = SettingSearch.best(&model, knobs: Samples.knobs, current: Samples.setting)
    var least = Double.infinity
    func candidates(_ name: KnobName) -> [Double] {
      Samples.knobs[name.index].candidates
    }
    for t in candidates(.sizeRatio) {
      for k in candidates(.innerRunsMax) where k <= t - 1 {
        for z in candidates(.lastRunsMax) where z <= t - 1 {
          for memtable in candidates(.memtableBytes) {
            for bits in candidates(.filterBits) {
              var setting = Samples.shape(t, k, z, bits: bits)
              setting[.memtableBytes] = memtable
              least = min(least, model.estimate(setting).nanos)
            }
          }
        }
      }
    }
    // Knobs that bring next to nothing stay: half a percent each at most.
    // T stays where that costs little.
    let most = least * (1 + SettingSearch.ratioGainMin) * 1.02
    #expect(found.cost.nanos >= least && found.cost.nanos <= most)
    #expect(found.tried <= Limits.settingsTriedMax)
  }

  @Test func `held knobs stay, the memory given is kept`() {
    var knobs = Samples.knobs
    knobs[KnobName.sizeRatio.index].isManual = true
    var small = Samples.scale
    small.cacheBytes = 400_000
    var model = Samples.model(absent: 1, scale: small)
    let found = SettingSearch.best(
      &model, knobs: knobs, current: Samples.shape(5, 1, 1, bits: 4))
    #expect(found.setting[.sizeRatio] == 5)
    // 200,000 names at 8 bits would take half of it: no more than that.
    #expect(found.setting[.filterBits] == 8)
  }

  @Test func `coefficients follow what was counted, within bounds`() {
    var index = SampleIndex(Samples.setting)
    index.fit.falsePassScale = 3
    index.fit.windowBlocks = 0.2
    index.fit.copiesScale = 0.6
    var fit = CostFit()
    var last = index.run(.mixed)
    for _ in 0..<12 {
      // Enough puts to reach the last level several times.
      for _ in 0..<60 { _ = index.run(.mixed) }
      let next = index.run(.mixed)
      fit.learn(TunerWindow(from: last, to: next), Samples.setting, index.scale)
      last = next
    }
    #expect(abs(fit.falsePassScale / 3 - 1) < 0.05, "\(fit)")
    #expect(abs(fit.windowBlocks / 0.2 - 1) < 0.05, "\(fit)")
    #expect(abs(fit.copiesScale / 0.6 - 1) < 0.05, "\(fit)")
  }

  @Test func `where memory holds the index, blocks are read because merges formed them`() {
    var warm = Samples.scale
    warm.cacheBytes = 1_073_741_824
    var fit = CostFit()
    var seen = TunerObservation()
    // 1,000 blocks formed and looked into 50,000 times: 300 of them had to be read.
    seen.presentPages = 100_000
    seen.putPages = 50_000
    seen.blockReads = 300
    seen.blockHits = 49_700
    seen.flushedBytes = 400 * 16_384
    seen.mergeWrittenBytes = 600 * 16_384
    for _ in 0..<20 {
      fit.learn(TunerWindow(from: TunerObservation(), to: seen), Samples.setting, warm)
    }
    #expect(abs(fit.newBlocksAsked - 0.302) < 0.001, "\(fit)")
    // Where merges write more, more is read: of fewer runs.
    var model = Samples.model(present: 100_000, put: 50_000, fit: fit, scale: warm)
    let leveled = model.estimate(Samples.shape(8, 1, 1))
    let tiered = model.estimate(Samples.shape(8, 7, 7))
    #expect(leveled.readNanos > 1.5 * tiered.readNanos)
    // No more than are looked into.
    #expect(fit.newReads(accesses: 10, formed: 1_000_000) < 10)
    #expect(fit.newReads(accesses: 1_000_000, formed: 10) < 10)
  }

  @Test func `the tree is laid for pages that live and a fifth more, where those are known`() {
    var scale = Samples.scale
    #expect(scale.treePages == scale.pages)
    scale.livePages = scale.pages / 2
    #expect(scale.treePages == scale.pages * 0.6)
    scale.livePages = scale.pages
    #expect(scale.treePages == scale.pages)
  }

  @Test func `another size ratio must cost plainly less, and is then the nearest of the best`() {
    var model = Samples.model(absent: 500, present: 1_000, put: 20_000)
    func found(from ratio: Double, within bounds: ClosedRange<Double>) -> SettingSearch.Found {
      var knobs = Samples.knobs
      let index = KnobName.sizeRatio.index
      knobs[index] = knobs[index].within(bounds)
      var start = Samples.setting
      start[.sizeRatio] = ratio
      return SettingSearch.best(&model, knobs: knobs, current: start)
    }
    let all = Samples.knobs[KnobName.sizeRatio.index].candidates
    let least = all.map { found(from: $0, within: $0...$0).cost.nanos }
    for (ratio, here) in zip(all, least) {
      let chosen = found(from: ratio, within: 2...16)
      let best = least.min() ?? 0
      if here <= best * (1 + SettingSearch.ratioGainMin) {
        #expect(chosen.setting[.sizeRatio] == ratio)
      } else {
        // Knobs that bring next to nothing stay: half a percent each.
        #expect(chosen.cost.nanos <= best * (1 + SettingSearch.fartherMin) * 1.02)
        let way = abs(chosen.setting[.sizeRatio] - ratio)
        for (nearer, nanos) in zip(all, least) where abs(nearer - ratio) < way {
          #expect(nanos > best * (1 + SettingSearch.fartherMin))
        }
      }
    }
  }

  @Test func `a strange window cannot send a coefficient beyond its bounds`() {
    var strange = TunerObservation()
    strange.absentPages = 1_000_000
    strange.presentPages = 1_000_000
    strange.putPages = 1_000_000
    strange.blockReads = .max / 2
    strange.falsePasses = .max / 4
    strange.flushedBytes = 1
    strange.mergeReadBytes = .max / 2
    var fit = CostFit()
    for _ in 0..<40 {
      fit.learn(
        TunerWindow(from: TunerObservation(), to: strange), Samples.setting, Samples.scale)
    }
    #expect(CostFit.scaleBounds.contains(fit.falsePassScale * 0.999))
    #expect(CostFit.blockBounds.contains(fit.windowBlocks * 0.999))
    #expect(CostFit.scaleBounds.contains(fit.copiesScale * 0.999))
    #expect(CostFit.exponentBounds.contains(fit.hitExponent * 1.001))
    #expect((0...1).contains(fit.newBlocksAsked))
  }
}
