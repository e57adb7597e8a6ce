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
    random = SplitMix(seed: seed)
    due = spacing == .even ? (phase - 1) * gapNanos : 0
  }

  mutating func next() -> UInt64 {
    switch spacing {
    case .even: due += gapNanos
    case .poisson:
      // Of 1 less it, within (0, 1], the logarithm is finite.
      due += -log(1 - random.share()) * gapNanos
    }
    return UInt64(max(0, due))
  }
}
