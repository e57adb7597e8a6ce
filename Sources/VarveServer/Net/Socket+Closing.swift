// The end of a connection that was told why: closing with unread bytes would reset it and could
// take the GOAWAY with it, so the peer gets a moment to read and to close first.

internal import Glibc
package import VarveBase

extension Socket {
  /// POLLRDHUP (poll(2)), which hides behind _GNU_SOURCE: the peer has finished sending.
  private static let peerFinished: Int16 = 0x2000

  /// Waits for the peer to close, until `deadline` at most. What it still sends is read and dropped
  /// up to a bound, then left where it is: a flood that goes on must wait, and costs nothing.
  package func awaitClose(
    scratch: UnsafeMutableRawBufferPointer, until deadline: UInt64, clock: any Clock
  ) {
    var dropped = 0
    while dropped < Limits.goAwayReadBytesMax {
      guard let millis = Self.millis(until: deadline, clock) else { return }
      setTimeouts(receiveMillis: millis, sendMillis: Limits.goAwayMillis)
      guard let count = try? unsafe receive(into: scratch), count > 0 else { return }
      dropped += count
    }
    // Asked for no more than the peer's close, poll sleeps however much lies unread.
    var waited = pollfd(fd: descriptor, events: Self.peerFinished, revents: 0)
    while let millis = Self.millis(until: deadline, clock) {
      let count = unsafe poll(&waited, 1, Int32(millis))
      guard count < 0, errno == EINTR else { return }
    }
  }

  /// What is left of the time, rounded up; nil when nothing is.
  private static func millis(until deadline: UInt64, _ clock: any Clock) -> Int? {
    let now = clock.monotonicNanos()
    return now < deadline ? Int((deadline - now + 999_999) / 1_000_000) : nil
  }
}
