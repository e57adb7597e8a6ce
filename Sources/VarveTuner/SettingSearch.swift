// The cheapest setting within the knobs' candidates, by trying all of them: the space is small, and
// a closed form takes a tenth of a microsecond.

package enum SettingSearch {
  /// A setting and what it is expected to cost.
  package struct Found: Equatable, Sendable {
    package var setting: Setting
    package var cost: CostEstimate
    package var tried: Int
  }

  /// A knob that brings less than this share of the cost stays where it is.
  static let worthMin = 0.005

  /// The cheapest setting; `current` where none is cheaper.
  ///
  /// Manual knobs stay. Filters may take half of the memory given, no more. Of the knobs that
  /// differ from `current`, those that bring next to nothing are put back, so that a move has a
  /// reason.
  package static func best(
    _ model: inout CostModel, knobs: [Knob], current: Setting, without barred: [Setting] = []
  ) -> Found {
    var found = Found(setting: current, cost: model.estimate(current), tried: 1)
    let ranges = KnobName.allCases.map { name -> [Double] in
      guard let knob = knobs.first(where: { $0.name == name }), !knob.isManual else {
        return [current[name]]
      }
      return knob.candidates
    }
    var places = [Int](repeating: 0, count: ranges.count)
    var setting = current
    while true {
      for name in KnobName.allCases { setting[name] = ranges[name.index][places[name.index]] }
      if isSensible(setting, ranges, current, model.scale), !barred.contains(setting) {
        found.tried += 1
        let cost = model.estimate(setting)
        if cost.nanos < found.cost.nanos { (found.setting, found.cost) = (setting, cost) }
      }
      guard step(&places, ranges) else { break }
    }
    trim(&found, &model, current, barred)
    return found
  }

  /// Counts up, the last place fastest; false at the end.
  private static func step(_ places: inout [Int], _ ranges: [[Double]]) -> Bool {
    for index in places.indices.reversed() {
      places[index] += 1
      if places[index] < ranges[index].count { return true }
      places[index] = 0
    }
    return false
  }

  /// Whether a setting says something that no other one says, within the memory given.
  private static func isSensible(
    _ setting: Setting, _ ranges: [[Double]], _ current: Setting, _ scale: IndexScale
  ) -> Bool {
    // More runs than T - 1 never stand in a level.
    for name in [KnobName.innerRunsMax, .lastRunsMax]
    where ranges[name.index].count > 1 && setting[name] > setting[.sizeRatio] - 1 {
      return false
    }
    return setting[.filterBits] <= current[.filterBits]
      || CostModel.filterBytes(setting, pages: scale.pages) <= scale.cacheBytes / 2
  }

  private static func trim(
    _ found: inout Found, _ model: inout CostModel, _ current: Setting, _ barred: [Setting]
  ) {
    for name in found.setting.differing(from: current) {
      var plain = found.setting
      plain[name] = current[name]
      guard !barred.contains(plain) else { continue }
      let cost = model.estimate(plain)
      if cost.nanos <= found.cost.nanos * (1 + worthMin) {
        (found.setting, found.cost) = (plain, cost)
      }
    }
  }
}
