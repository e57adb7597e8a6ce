// Whether the load is still the one that the last decision was made for.

/// Compares windows with a reference. Hysteresis twice over: a shift is one only after several
/// windows in a row lie beyond `enter`, and what has shifted counts as such until a window comes
/// back within `leave`.
package struct Drift: Equatable, Sendable {
  /// Distances (0 to 1) at which a window counts as shifted, and as back.
  package let enter: Double
  package let leave: Double
  /// Shifted windows in a row that make a shift.
  package let windowsMin: Int

  package private(set) var reference: LoadMix?
  /// Distance of the last window.
  package private(set) var distance = 0.0
  private var isOut = false
  private var windowsOut = 0

  package init(enter: Double, leave: Double, windowsMin: Int) {
    precondition(leave >= 0 && leave <= enter && enter <= 1, "leave \(leave), enter \(enter)")
    precondition(windowsMin > 0, "a shift takes a window at least")
    self.enter = enter
    self.leave = leave
    self.windowsMin = windowsMin
  }

  /// Takes a window; true when the load has shifted, once a shift: the caller takes a new
  /// reference.
  package mutating func observe(_ mix: LoadMix) -> Bool {
    guard let reference else {
      self.reference = mix
      distance = 0
      return false
    }
    distance = mix.distance(to: reference)
    if distance > enter { isOut = true }
    if distance <= leave { isOut = false }
    windowsOut = isOut ? windowsOut + 1 : 0
    return windowsOut >= windowsMin
  }

  /// From here on, `mix` is what windows are compared with.
  package mutating func refer(to mix: LoadMix) {
    reference = mix
    isOut = false
    windowsOut = 0
    distance = 0
  }
}
