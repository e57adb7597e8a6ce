// Drift and windows.

import Testing

@testable import VarveTuner

@Suite struct DriftTests {
  private let puts = LoadMix(absent: 0, present: 1, put: 9)
  private let probes = LoadMix(absent: 3, present: 6, put: 1)

  @Test func `distances are half the sum of the differences`() {
    #expect(abs(puts.distance(to: probes) - 0.8) < 1e-12)
    #expect(puts.distance(to: puts) == 0)
    #expect(LoadMix(absent: 0, present: 0, put: 0).isIdle)
    let none = LoadMix(absent: 0, present: 0, put: 0)
    #expect(none.distance(to: LoadMix(absent: 1, present: 0, put: 0)) == 0.5)
  }

  @Test func `one odd window is no shift, two in a row are`() {
    var drift = Drift(enter: 0.15, leave: 0.08, windowsMin: 2)
    #expect(drift.observe(puts) == false)
    #expect(drift.observe(probes) == false)
    #expect(drift.observe(puts) == false)
    #expect(drift.observe(probes) == false)
    #expect(drift.observe(probes) == true)
    drift.refer(to: probes)
    #expect(drift.observe(probes) == false && drift.distance == 0)
  }

  @Test func `between the thresholds nothing changes its side`() {
    var drift = Drift(enter: 0.15, leave: 0.08, windowsMin: 2)
    let near = LoadMix(absent: 0, present: 0.1 + 0.12, put: 0.9 - 0.12)
    #expect(drift.observe(puts) == false)
    for _ in 0..<10 { #expect(drift.observe(near) == false) }
    // Out once, it is out until it comes back within the lower one.
    #expect(drift.observe(probes) == false)
    #expect(drift.observe(near) == true)
  }

  @Test func `counters that fell count as none`() {
    var before = TunerObservation()
    before.putPages = 10
    before.blockReads = 7
    var after = TunerObservation()
    after.putPages = 3
    after.blockReads = 9
    let window = TunerWindow(from: before, to: after)
    #expect(window.putPages == 0 && window.blockReads == 2)
    let sum = window.joined(window)
    #expect(sum.count == 2 && sum.blockReads == 4)
    #expect(sum.faded().blockReads == 2 && sum.faded().count == 1)
  }
}
