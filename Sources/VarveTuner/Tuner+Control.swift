// What an operator says to the tuner.

/// Why an operator's wish cannot be met.
package enum TunerRefusal: Error, Equatable, Sendable {
  case outOfBounds(KnobName, value: Double, min: Double, max: Double)
}

extension Tuner {
  /// What an operator asks for; everything or nothing of it takes force.
  package struct Request: Equatable, Sendable {
    /// nil leaves the mode.
    package var mode: TunerMode?
    /// Knobs to hold, with their values.
    package var manual: [KnobName: Double]
    /// Knobs to give back.
    package var automatic: [KnobName]

    package init(
      mode: TunerMode? = nil, manual: [KnobName: Double] = [:], automatic: [KnobName] = []
    ) {
      self.mode = mode
      self.manual = manual
      self.automatic = automatic
    }
  }

  /// Takes a request; the setting to apply where it changed.
  ///
  /// A move on trial stays in force unjudged: a hand on the knobs makes its measure worthless.
  package mutating func take(_ request: Request, atUnix: Double) throws(TunerRefusal) -> Setting? {
    for (name, value) in request.manual {
      let knob = knobs[name.index]
      guard value.isFinite, knob.allows(value), !name.isWhole || value == value.rounded() else {
        throw .outOfBounds(name, value: value, min: knob.min, max: knob.max)
      }
    }
    let before = setting
    for index in knobs.indices {
      let name = knobs[index].name
      if request.automatic.contains(name) {
        knobs[index].isManual = false
        reasons[name] = "given back by an operator"
      }
      guard let value = request.manual[name] else { continue }
      knobs[index].isManual = true
      reasons[name] = "held by an operator"
      guard value != setting[name] else { continue }
      history.add(
        atUnix: atUnix, name, from: setting[name], to: value, verdict: .manual,
        reason: "set by an operator")
      setting[name] = value
    }
    if let mode = request.mode { self.mode = mode }
    overtake()
    enter(.gathering)
    reviewAt = windowCount
    return setting == before ? nil : setting
  }
}
