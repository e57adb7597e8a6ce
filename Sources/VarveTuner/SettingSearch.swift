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
  /// Another size ratio must cost less by more than this share: the model errs by as much (5 to
  /// 10 % in the mean of 165 shapes, decision 0013), and every level has to be formed anew.
  static let ratioGainMin = 0.08
  /// Of other size ratios the nearest is taken that costs no more than this share over the least.
  static let fartherMin = 0.02

  /// The cheapest setting; `current` where none is cheaper.
  ///
  /// Manual knobs stay. Filters may take half of the memory given, no more. Of the knobs that
  /// differ from `current`, those that bring next to nothing are put back, so that a move has a
  /// reason; T stays, or goes no farther, where that costs little.
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
    let ratios = KnobName.sizeRatio.index
    var bestOf = [Found](repeating: found, count: ranges[ratios].count)
    for place in bestOf.indices { bestOf[place].cost.nanos = .infinity }
    var places = [Int](repeating: 0, count: ranges.count)
    var setting = current
    while true {
      for name in KnobName.allCases { setting[name] = ranges[name.index][places[name.index]] }
      if isSensible(setting, ranges, current, model.scale), !barred.contains(setting) {
        found.tried += 1
        let cost = model.estimate(setting)
        if cost.nanos < found.cost.nanos { (found.setting, found.cost) = (setting, cost) }
        if cost.nanos < bestOf[places[ratios]].cost.nanos {
          (bestOf[places[ratios]].setting, bestOf[places[ratios]].cost) = (setting, cost)
        }
      }
      guard step(&places, ranges) else { break }
    }
    nearer(&found, bestOf, current)
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
    // More runs than fill it never stand in a level. Flushes may be smaller than the engine takes
    // them for, so that more of them fill level 0.
    let most = setting[.sizeRatio] - 1
    let flushes = (setting[.sizeRatio] * scale.flushesPerUnit).rounded(.up)
    for (name, most) in [(KnobName.innerRunsMax, max(most, flushes)), (.lastRunsMax, most)]
    where ranges[name.index].count > 1 && setting[name] > most {
      return false
    }
    return setting[.filterBits] <= current[.filterBits]
      || CostModel.filterBytes(setting, pages: scale.pages) <= scale.cacheBytes / 2
  }

  /// - Parameter bestOf: the cheapest setting of each size ratio, these rising.
  private static func nearer(_ found: inout Found, _ bestOf: [Found], _ current: Setting) {
    func way(_ setting: Setting) -> Double {
      abs(setting[.sizeRatio] - current[.sizeRatio])
    }
    let least = found.cost.nanos
    for one in bestOf where way(one.setting) < way(found.setting) {
      let most = way(one.setting) == 0 ? ratioGainMin : fartherMin
      if one.cost.nanos <= least * (1 + most) {
        (found.setting, found.cost) = (one.setting, one.cost)
      }
    }
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
