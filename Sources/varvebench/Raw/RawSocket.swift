// A blocking TCP socket with nothing around it: what the kernel gives to a program that only moves
// bytes. Unsafe: addresses; no pointer outlives its call.

import CLinux
import Glibc
import VarveBase

/// Owns one descriptor.
final class RawSocket: Sendable {
  let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// A listener on a free port of 127.0.0.1.
  static func listening() throws -> (socket: RawSocket, port: UInt16) {
    let made = try open()
    let bound = unsafe withAddress(port: 0) { unsafe bind(made.descriptor, $0, $1) }
    guard bound == 0, listen(made.descriptor, 512) == 0 else { throw failure("listen") }
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(made.descriptor, $0, &size)
      }
    }
    guard status == 0 else { throw failure("getsockname") }
    return (made, UInt16(bigEndian: address.sin_port))
  }

  static func connected(port: UInt16) throws -> RawSocket {
    let made = try open()
    let status = unsafe withAddress(port: port) { unsafe connect(made.descriptor, $0, $1) }
    guard status == 0 else { throw failure("connect to port \(port)") }
    return made
  }

  /// The next connection of a listener.
  func accepted() throws -> RawSocket {
    while true {
      let made = varve_accept(descriptor)
      if made >= 0 {
        let socket = RawSocket(made)
        socket.tune()
        return socket
      }
      guard errno == EINTR || errno == ECONNABORTED else { throw Self.failure("accept") }
    }
  }

  /// Fills `bytes`; false when the peer closed before the first of them.
  func receive(_ bytes: UnsafeMutableRawBufferPointer) throws -> Bool {
    var done = 0
    while done < bytes.count {
      let count = unsafe recv(
        descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, 0)
      if count == 0, done == 0 { return false }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.failure("receive") }
      done += count
    }
    return true
  }

  func send(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let count = unsafe Glibc.send(
        descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done,
        Int32(MSG_NOSIGNAL))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.failure("send") }
      done += count
    }
  }

  private static func open() throws -> RawSocket {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_INET, kind, 0)
    guard descriptor >= 0 else { throw failure("socket") }
    let made = RawSocket(descriptor)
    made.tune()
    return made
  }

  /// As varved's own sockets: cubic (bbr halves loopback), and small answers leave at once.
  private func tune() {
    var on: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
    _ = unsafe varve_set_congestion(descriptor, "cubic")
  }

  private static func withAddress(
    port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr = in_addr(s_addr: UInt32(0x7f00_0001).bigEndian)
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private static func failure(_ what: String) -> Failure {
    Failure("raw socket: \(what): errno \(errno)")
  }
}
