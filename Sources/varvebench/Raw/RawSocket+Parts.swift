// Several pieces of memory with one system call. Unsafe: addresses; no pointer outlives its call.

import Glibc

extension RawSocket {
  /// Sends the parts one behind the other.
  func send(_ parts: [UnsafeRawBufferPointer]) throws {
    var rest = unsafe parts.map {
      unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
    }
    while true {
      unsafe rest.removeAll { unsafe $0.iov_len == 0 }
      guard unsafe !rest.isEmpty else { return }
      let count = unsafe writev(descriptor, rest, Int32(rest.count))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Failure("send: errno \(errno)") }
      unsafe Self.skip(count, &rest)
    }
  }

  /// Fills `bytes`, then `tail`.
  func receive(
    _ bytes: UnsafeMutableRawBufferPointer, then tail: UnsafeMutableRawBufferPointer
  ) throws {
    var rest = unsafe [bytes, tail].map {
      unsafe iovec(iov_base: $0.baseAddress, iov_len: $0.count)
    }
    while true {
      unsafe rest.removeAll { unsafe $0.iov_len == 0 }
      guard unsafe !rest.isEmpty else { return }
      let count = unsafe readv(descriptor, rest, Int32(rest.count))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.received(count) }
      unsafe Self.skip(count, &rest)
    }
  }

  /// What is there, at least one byte and `most` at most.
  func receiveSome(_ most: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: most)
    while true {
      let count = unsafe bytes.withUnsafeMutableBytes {
        unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.received(count) }
      return Array(bytes.prefix(count))
    }
  }

  /// No single wait of this socket takes longer.
  func limitWaits(seconds: Int) {
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      var time = timeval(tv_sec: seconds, tv_usec: 0)
      let size = socklen_t(MemoryLayout<timeval>.size)
      let status = unsafe setsockopt(descriptor, SOL_SOCKET, option, &time, size)
      precondition(status == 0, "setsockopt of a timeout gave errno \(errno)")
    }
  }

  private static func received(_ count: Int) -> Failure {
    if count == 0 { return Failure("the peer closed the connection") }
    return Failure(errno == EAGAIN ? "the peer did not answer in time" : "receive: errno \(errno)")
  }

  private static func skip(_ count: Int, _ parts: inout [iovec]) {
    var left = count
    for index in unsafe parts.indices {
      let taken = unsafe min(left, parts[index].iov_len)
      unsafe parts[index].iov_base = unsafe parts[index].iov_base.map { unsafe $0 + taken }
      unsafe parts[index].iov_len -= taken
      left -= taken
    }
  }
}
