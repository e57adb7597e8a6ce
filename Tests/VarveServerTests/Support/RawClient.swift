// A client that does exactly what it is told: frames made by hand, bytes as they come.

import Foundation
import VarveBase
import VarveServer
import VarveWire

struct RawFrame {
  let header: FrameHeader
  let message: [UInt8]
  let payload: [UInt8]

  var problem: Problem? {
    header.flags.contains(.error) ? try? Problem(decoding: message.rawSpan) : nil
  }
}

final class RawClient {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let socket: Socket
  private var buffer: [UInt8] = []

  init(port: UInt16) throws {
    let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(description: "socket: \(errno)") }
    socket = Socket(owning: descriptor)
    socket.setTimeouts(receiveMillis: 10_000, sendMillis: 10_000)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw Failure(description: "connect: \(errno)") }
    socket.setNoDelay()
  }

  func send(_ bytes: [UInt8]) throws { try socket.send(bytes) }

  func finishSending() { socket.shutdownSending() }

  /// Never receives: how many bytes the kernel takes before it would block for long.
  func setTimeouts(millis: Int) { socket.setTimeouts(receiveMillis: millis, sendMillis: millis) }

  static func frame(
    _ type: FrameType, flags: FrameFlags = [], method: Method? = nil, stream: UInt32 = 0,
    _ message: [UInt8] = [], payload: [UInt8] = []
  ) -> [UInt8] {
    FrameHeader(
      type, flags: flags, method: method?.rawValue ?? 0, stream: stream,
      messageBytes: message.count, payloadBytes: payload.count
    ).encode() + message + payload
  }

  func send(
    _ type: FrameType, flags: FrameFlags = [], method: Method? = nil, stream: UInt32 = 0,
    _ message: [UInt8] = [], payload: [UInt8] = []
  ) throws {
    try send(
      Self.frame(type, flags: flags, method: method, stream: stream, message, payload: payload))
  }

  /// Says HELLO and takes HELLO_OK.
  @discardableResult
  func hello(maxPayload: UInt64 = 0, windowBytes: UInt64 = 0) throws -> HelloOk {
    let hello = Hello(
      versionMin: 1, versionMax: 1, client: "raw", maxPayload: maxPayload,
      windowBytes: windowBytes)
    try send(.hello, hello.encode())
    guard let frame = try next(), frame.header.type == .helloOk else {
      throw Failure(description: "no HELLO_OK")
    }
    return try HelloOk(decoding: frame.message.rawSpan)
  }

  /// A put of one page whose bytes never come.
  func beginPut(namespaceID: UInt32) throws {
    let header = PutHeader(
      namespaceID: namespaceID, chain: Chain(pageIDs: Pages.ids(1)), pageBytes: [1000],
      checksum: [1])
    try send(.request, method: .put, stream: 1, header.encode())
    try send(.ping)
    guard try frame().header.type == .pong else { throw Failure(description: "no PONG") }
  }

  /// The next frame; nil when the server has closed.
  func next() throws -> RawFrame? {
    guard try fill(FrameHeader.byteCount) else { return nil }
    let header = try FrameHeader(decoding: Array(buffer.prefix(FrameHeader.byteCount)).rawSpan)
    let total = FrameHeader.byteCount + header.messageBytes + header.payloadBytes
    guard try fill(total) else { throw Failure(description: "the connection broke in a frame") }
    let message = Array(buffer[FrameHeader.byteCount..<FrameHeader.byteCount + header.messageBytes])
    let payload = Array(buffer[(FrameHeader.byteCount + header.messageBytes)..<total])
    buffer.removeFirst(total)
    return RawFrame(header: header, message: message, payload: payload)
  }

  /// The next frame that must come.
  func frame() throws -> RawFrame {
    guard let frame = try next() else { throw Failure(description: "the server closed") }
    return frame
  }

  /// Everything until the server closes.
  func rest() throws -> [UInt8] {
    _ = try fill(Int.max)
    return buffer
  }

  private func fill(_ count: Int) throws -> Bool {
    while buffer.count < count {
      let before = buffer.count
      do {
        try socket.receive(appendingTo: &buffer)
      } catch SocketError.closed {
        return false
      }
      if buffer.count == before { return false }
    }
    return true
  }
}
