// How often something may happen: a burst at once, then a steady rate. Pure: time is an argument.

/// A bucket of `burst` tokens, refilled at `perSecond`.
package struct TokenBucket: Sendable {
  private let burst: UInt64
  private let nanosPerToken: UInt64
  private var tokens: UInt64
  private var filledNanos: UInt64

  package init(burst: UInt64, perSecond: UInt64, nowNanos: UInt64) {
    precondition(burst > 0 && perSecond > 0 && perSecond <= 1_000_000_000, "a bucket has a rate")
    self.burst = burst
    nanosPerToken = 1_000_000_000 / perSecond
    tokens = burst
    filledNanos = nowNanos
  }

  /// Takes a token; false when there is none.
  package mutating func take(nowNanos: UInt64) -> Bool {
    let elapsed = nowNanos > filledNanos ? nowNanos - filledNanos : 0
    let fresh = elapsed / nanosPerToken
    if fresh > 0 {
      tokens = fresh >= burst - tokens ? burst : tokens + fresh
      filledNanos += fresh * nanosPerToken
    }
    guard tokens > 0 else { return false }
    tokens -= 1
    return true
  }
}
