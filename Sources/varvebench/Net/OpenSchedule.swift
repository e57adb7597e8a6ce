// When calls are due in an open loop. Whoever waits for an answer before asking again measures a
// server that is never asked at a bad time; here the times are fixed beforehand.

import Foundation

/// Times of one connection, in nanoseconds from the begin of the round, each later than the last.
struct OpenSchedule: Sendable {
  enum Spacing: Hashable, Sendable {
    /// As requests of many users come: gaps of an exponential distribution.
    case poisson
    /// The same gap always: a steady stream.
    case even
  }

  private let gapNanos: Double
  private let spacing: Spacing
  private var random: SplitMix
  private var due: Double

  /// - Parameters:
  ///   - callsPerSecond: of this connection.
  ///   - seed: the same gives the same times.
  ///   - phase: which part of a gap passes before the first call of an even stream.
  init(callsPerSecond: Double, seed: UInt64, spacing: Spacing = .poisson, phase: Double = 0) {
    precondition(callsPerSecond > 0, "a schedule without calls")
    gapNanos = 1e9 / callsPerSecond
    self.spacing = spacing
    random = SplitMix(state: seed)
    due = spacing == .even ? (phase - 1) * gapNanos : 0
  }

  mutating func next() -> UInt64 {
    switch spacing {
    case .even: due += gapNanos
    case .poisson:
      // (0, 1]: its logarithm is finite.
      let uniform = Double((random.next() >> 11) + 1) / Double(1 << 53)
      due += -log(uniform) * gapNanos
    }
    return UInt64(max(0, due))
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix: Sendable {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
