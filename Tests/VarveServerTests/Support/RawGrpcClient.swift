// A gRPC client that does exactly what it is told, over a real socket.

import Foundation
import Testing
import VarveBase
import VarveServer
import VarveWire

final class RawGrpcClient {
  /// What a call ended with.
  struct Answer {
    var head: [String: String] = [:]
    var trailers: [String: String] = [:]
    var body: [UInt8] = []
    var reset: UInt32?

    var status: StatusCode? {
      (trailers["grpc-status"] ?? head["grpc-status"]).flatMap { UInt32($0) }
        .flatMap { StatusCode(rawValue: $0) }
    }

    var text: String { trailers["grpc-message"] ?? head["grpc-message"] ?? "" }

    /// The messages of the body, without their prefixes.
    var messages: [[UInt8]] {
      var messages: [[UInt8]] = []
      var rest = body[...]
      while rest.count >= 5 {
        let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
        messages.append(Array(rest.dropFirst(5).prefix(length)))
        rest = rest.dropFirst(5 + length)
      }
      return messages
    }
  }

  private let socket: Socket
  private let decoder = Http2Decoder()
  private var rest: [UInt8] = []
  private var answers: [Int32: Answer] = [:]
  private var ended: Set<Int32> = []
  private(set) var goAway: UInt32?

  /// - Parameter window: what the server may send on each stream, and on all together.
  init(port: UInt16, opening: [UInt8] = Http2Bytes.opening, window: UInt32 = 1 << 30) throws {
    let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw RawClient.Failure(description: "socket: \(errno)") }
    socket = Socket(owning: descriptor)
    socket.setTimeouts(receiveMillis: 20_000, sendMillis: 20_000)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let status = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { throw RawClient.Failure(description: "connect: \(errno)") }
    socket.setNoDelay()
    guard !opening.isEmpty else { return }
    try send(opening + Http2Bytes.settings([(4, window)]))
    if window > 65_535 { try send(Http2Bytes.windowUpdate(0, window - 65_535)) }
    // What the server allows counts from our acknowledgement.
    while try frame().type != Http2Frame.settings {}
    try send(Http2Bytes.acknowledgement)
  }

  func send(_ bytes: [UInt8]) throws { try socket.send(bytes) }

  /// Sends as long as the server takes it; false once it has closed or takes nothing for a while.
  func sendWhileTaken(_ bytes: [UInt8]) -> Bool { (try? socket.send(bytes)) != nil }

  func setTimeouts(millis: Int) { socket.setTimeouts(receiveMillis: millis, sendMillis: millis) }

  private var queue: [Http2Frame] = []

  /// The next frame; throws at the end of the connection.
  func frame() throws -> Http2Frame {
    while queue.isEmpty {
      let before = rest.count
      try socket.receive(appendingTo: &rest)
      if rest.count == before { throw RawClient.Failure(description: "the server closed") }
      (queue, rest) = Http2Frame.parse(rest)
    }
    return queue.removeFirst()
  }

  /// Frames to the end of the connection.
  func untilClosed() {
    while let frame = try? frame() { note(frame) }
  }

  private func note(_ frame: Http2Frame) {
    switch frame.type {
    case Http2Frame.headers:
      let fields = decoder.decode(frame.payload)
      if fields[":status"] != nil {
        answers[frame.stream, default: Answer()].head = fields
      } else {
        answers[frame.stream, default: Answer()].trailers = fields
      }
    case Http2Frame.data: answers[frame.stream, default: Answer()].body += frame.payload
    case Http2Frame.reset: answers[frame.stream, default: Answer()].reset = frame.number()
    case Http2Frame.goAway: goAway = frame.number(at: 4)
    default: break
    }
    if frame.isEnd || frame.type == Http2Frame.reset { ended.insert(frame.stream) }
  }

  /// Reads until the stream is over.
  func answer(_ stream: Int32) throws -> Answer {
    while !ended.contains(stream) { note(try frame()) }
    return answers.removeValue(forKey: stream) ?? Answer()
  }

  /// Reads until the stream has brought a whole message; its bytes.
  func message(_ stream: Int32) throws -> [UInt8] {
    while (answers[stream]?.messages ?? []).isEmpty { note(try frame()) }
    defer { answers[stream]?.body = [] }
    return answers[stream]?.messages.first ?? []
  }

  func call(_ stream: Int32, _ path: String, _ message: some WireMessage) throws -> Answer {
    try send(Http2Bytes.call(stream, path, message.encode()))
    return try answer(stream)
  }
}
