// One connected socket: the only door of the server to send and receive. Blocking, with the
// kernel's own timeouts (one system call a transfer, measured fastest on two cores, DESIGN §7).

internal import Glibc

/// Why a transfer ended.
package enum SocketError: Error, Equatable, Sendable {
  /// The peer is gone or the socket was shut down.
  case closed(errno: Int32)
  /// Nothing moved for the timeout set.
  case stalled
}

/// Owns a descriptor; closed when the last holder lets go, so a number is never used after reuse.
package final class Socket: Sendable {
  package let descriptor: Int32

  package init(owning descriptor: Int32) {
    precondition(descriptor >= 0, "a socket needs a descriptor")
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Receives at most `memory.count` bytes; 0 when the peer has finished sending.
  package func receive(into memory: UnsafeMutableRawBufferPointer) throws(SocketError) -> Int {
    precondition(memory.count > 0, "receive needs room")
    while true {
      let count = unsafe recv(descriptor, memory.baseAddress, memory.count, 0)
      if count >= 0 { return count }
      try Self.check(errno)
    }
  }

  /// Receives once, at most 2 KiB, behind what `bytes` holds: for headers, not for payloads.
  package func receive(appendingTo bytes: inout [UInt8]) throws(SocketError) {
    var chunk = [UInt8](repeating: 0, count: 2048)
    let result = unsafe chunk.withUnsafeMutableBytes { memory in
      Result { () throws(SocketError) in try unsafe receive(into: memory) }
    }
    bytes.append(contentsOf: chunk[..<(try result.get())])
  }

  /// Sends what the vectors name, in one call; may send less, and without `waits` nothing. Never
  /// raises SIGPIPE.
  func send(
    _ vectors: UnsafeMutableBufferPointer<iovec>, waits: Bool
  ) throws(SocketError) -> Int {
    var message = unsafe msghdr()
    unsafe message.msg_iov = vectors.baseAddress
    unsafe message.msg_iovlen = vectors.count
    let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
    while true {
      let count = unsafe sendmsg(descriptor, &message, flags)
      if count >= 0 { return count }
      if errno == EAGAIN, !waits { return 0 }
      try Self.check(errno)
    }
  }

  /// Sends all of `bytes`.
  package func send(_ bytes: [UInt8]) throws(SocketError) {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { memory in
        unsafe Glibc.send(
          descriptor, memory.baseAddress.map { unsafe $0 + sent }, memory.count - sent,
          Int32(MSG_NOSIGNAL))
      }
      if count < 0 { try Self.check(errno) } else { sent += count }
    }
  }

  /// Returns for EINTR alone: everything else ends the transfer.
  private static func check(_ code: Int32) throws(SocketError) {
    switch code {
    case EINTR: return
    case EAGAIN: throw .stalled
    case EBADF, EFAULT, ENOTSOCK, EINVAL: preconditionFailure("a socket call gave errno \(code)")
    default: throw .closed(errno: code)
    }
  }

  /// Wakes whoever waits in `receive` or `send`; both see the end.
  package func shutdownBoth() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

  package func shutdownSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

  /// Ends both halves' waiting after `millis` without a byte.
  package func setTimeouts(receiveMillis: Int, sendMillis: Int) {
    setTimeout(SO_RCVTIMEO, receiveMillis)
    setTimeout(SO_SNDTIMEO, sendMillis)
  }

  private func setTimeout(_ option: Int32, _ millis: Int) {
    var time = timeval(tv_sec: millis / 1000, tv_usec: millis % 1000 * 1000)
    let size = socklen_t(MemoryLayout<timeval>.size)
    let status = unsafe setsockopt(descriptor, SOL_SOCKET, option, &time, size)
    precondition(status == 0, "setsockopt of a timeout gave errno \(errno)")
  }

  /// A peer whose machine is gone is noticed, though nothing is ever sent to it.
  package func setKeepAlive() {
    var on: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, size)
  }

  /// Receives what is there already, waiting for nothing; nil when nothing is.
  package func receiveNow(
    into memory: UnsafeMutableRawBufferPointer
  ) throws(SocketError) -> Int? {
    let count = unsafe recv(descriptor, memory.baseAddress, memory.count, Int32(MSG_DONTWAIT))
    if count >= 0 { return count }
    if errno == EAGAIN || errno == EINTR { return nil }
    try Self.check(errno)
    return nil
  }

  /// Small answers leave at once. Fails harmlessly on UNIX sockets.
  package func setNoDelay() {
    var on: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
  }
}
