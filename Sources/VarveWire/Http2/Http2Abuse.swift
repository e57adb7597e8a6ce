// What a peer may do that costs us more than it costs the peer, counted. nghttp2 itself limits
// resets by the peer, CONTINUATIONs, SETTINGS entries and acknowledgements; the rest is here.
// Pure.

internal import VarveBase

/// The counts of one connection. Each note answers why the connection must end, or nil.
package struct Http2Abuse: Sendable {
  private var faults: TokenBucket
  private var controls: TokenBucket
  private var empties: TokenBucket
  /// Bytes before the first whole request; nil once it came.
  private var openingBytes: Int? = 0

  package init(nowNanos: UInt64) {
    faults = TokenBucket(
      burst: Limits.http2FaultsBurst, perSecond: Limits.http2FaultsPerSecond, nowNanos: nowNanos)
    controls = TokenBucket(
      burst: Limits.http2ControlsBurst, perSecond: Limits.http2ControlsPerSecond,
      nowNanos: nowNanos)
    empties = TokenBucket(
      burst: Limits.http2EmptiesBurst, perSecond: Limits.http2EmptiesPerSecond, nowNanos: nowNanos)
  }

  package mutating func requestCame() { openingBytes = nil }

  /// A frame that is none, or a stream that the peer made us reset.
  package mutating func fault(nowNanos: UInt64) -> Http2Failure? {
    faults.take(nowNanos: nowNanos)
      ? nil
      : Http2Failure(
        Http2Code.enhanceYourCalm,
        "more than \(Limits.http2FaultsBurst) invalid frames and streams reset for the peer's "
          + "errors, and more than \(Limits.http2FaultsPerSecond) a second")
  }

  /// PING or SETTINGS. What nghttp2 ignores (PRIORITY, unknown types) costs nothing but its bytes.
  package mutating func control(nowNanos: UInt64) -> Http2Failure? {
    controls.take(nowNanos: nowNanos)
      ? nil
      : Http2Failure(
        Http2Code.enhanceYourCalm,
        "more than \(Limits.http2ControlsBurst) control frames, and more than "
          + "\(Limits.http2ControlsPerSecond) a second")
  }

  /// DATA without a byte that ends nothing.
  package mutating func empty(nowNanos: UInt64) -> Http2Failure? {
    empties.take(nowNanos: nowNanos)
      ? nil
      : Http2Failure(
        Http2Code.enhanceYourCalm,
        "more than \(Limits.http2EmptiesBurst) DATA frames without a byte, and more than "
          + "\(Limits.http2EmptiesPerSecond) a second")
  }

  package mutating func received(_ count: Int) -> Http2Failure? {
    guard let before = openingBytes else { return nil }
    openingBytes = before + count
    guard before + count > Limits.http2OpeningBytesMax else { return nil }
    return Http2Failure(
      Http2Code.enhanceYourCalm,
      "\(before + count) bytes before the first request, over the limit of "
        + "\(Limits.http2OpeningBytesMax)")
  }
}
