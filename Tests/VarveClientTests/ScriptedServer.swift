// A server that does what a test tells it, on a real socket: one connection, one thread, frames
// made by the wire module. Unsafe: socket calls; no pointer outlives its call.

import Foundation
import VarveBase
import VarveClient
import VarveWire

/// The server's end of one connection.
final class ServerEnd {
  struct Ended: Error {}

  private let descriptor: Int32
  private var parser = FrameParser()

  init(descriptor: Int32) { self.descriptor = descriptor }

  /// The next frame with its payload; throws when the client has closed.
  func next() throws -> (header: FrameHeader, message: [UInt8], payload: [UInt8]) {
    while true {
      let bytes = try receive(max(parser.wanted, 1))
      var offset = 0
      guard let frame = try parser.feed(bytes.rawSpan, from: &offset) else { continue }
      let payload = try receive(parser.payloadRemaining)
      parser.skip(payload.count)
      return (frame.header, frame.message, frame.echo + payload)
    }
  }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes[sent...].withUnsafeBytes {
        unsafe Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Ended() }
      sent += count
    }
  }

  func send(
    _ type: FrameType, _ stream: UInt32 = 0, _ flags: FrameFlags = [],
    _ message: (any WireMessage)? = nil, payload: [UInt8] = []
  ) throws {
    let bytes = message?.encode() ?? []
    let head = FrameHeader(
      type, flags: flags, stream: stream, messageBytes: bytes.count, payloadBytes: payload.count)
    try send(head.encode() + bytes + payload)
  }

  func refuse(_ stream: UInt32, _ problem: Problem) throws {
    try send(.response, stream, [.last, .error], problem)
  }

  /// Reads HELLO and answers it.
  func hello(_ answer: HelloOk = HelloOk(version: 1, server: "scripted")) throws {
    _ = try next()
    try send(.helloOk, 0, [], answer)
  }

  private func receive(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = unsafe bytes[filled...].withUnsafeMutableBytes {
        unsafe recv(descriptor, $0.baseAddress, $0.count, 0)
      }
      guard got > 0 else { throw Ended() }
      filled += got
    }
    return bytes
  }
}

/// Listens, takes one connection and runs a script on it.
final class ScriptedServer: Sendable {
  let endpoint: Endpoint
  private let outcome = Monitor<String?>(nil)

  /// - Parameter path: of a UNIX socket; nil: 127.0.0.1 on a free port.
  init(path: String? = nil, _ script: @escaping @Sendable (ServerEnd) throws -> Void) throws {
    let listener: Int32
    (listener, endpoint) = try Self.listen(path)
    Thread.detachNewThread { [outcome] in
      let descriptor = accept(listener, nil, nil)
      var text = "done"
      do { try script(ServerEnd(descriptor: descriptor)) } catch { text = "\(error)" }
      close(descriptor)
      close(listener)
      outcome.update { $0 = text }
    }
  }

  /// How the script ended: "done", or its error.
  func finish() -> String {
    let deadline = SystemClock().monotonicNanos() + 20_000_000_000
    return outcome.wait(until: deadline) { $0 } ?? "the script did not end"
  }

  struct Failed: Error {
    let call: String
    let code = errno
  }

  static func listen(_ path: String?) throws -> (Int32, Endpoint) {
    let family = path == nil ? AF_INET : AF_UNIX
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failed(call: "socket") }
    guard let path else {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let status = unsafe withUnsafeMutablePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          guard unsafe bind(descriptor, $0, length) == 0 else { return Int32(-1) }
          return unsafe getsockname(descriptor, $0, &length)
        }
      }
      guard status == 0, Foundation.listen(descriptor, 4) == 0 else { throw Failed(call: "bind") }
      return (descriptor, .tcp(host: "127.0.0.1", port: UInt16(bigEndian: address.sin_port)))
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let status = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0, Foundation.listen(descriptor, 4) == 0 else { throw Failed(call: "bind") }
    return (descriptor, .unix(path: path))
  }
}
