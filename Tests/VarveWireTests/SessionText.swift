// Actions of a session as lines of text, so that tables read like a conversation.

import VarveBase
import VarveWire

enum SessionText {
  /// A frame as a client sends it.
  static func frame(
    _ type: FrameType, _ stream: UInt32 = 0, _ flags: FrameFlags = [], method: Method? = nil,
    message: [UInt8] = [], payloadBytes: Int = 0
  ) -> Frame {
    Frame(
      header: FrameHeader(
        type, flags: flags, method: method?.rawValue ?? 0, stream: stream,
        messageBytes: message.count, payloadBytes: payloadBytes),
      message: message)
  }

  static func hello(
    _ versions: ClosedRange<UInt32> = 1...1, maxPayload: UInt64 = 0, windowBytes: UInt64 = 0
  ) -> Frame {
    let hello = Hello(
      versionMin: versions.lowerBound, versionMax: versions.upperBound, client: "test",
      maxPayload: maxPayload, windowBytes: windowBytes)
    return frame(.hello, message: hello.encode())
  }

  static func request(
    _ stream: UInt32, _ method: Method = .lookup, _ flags: FrameFlags = .last
  ) -> Frame {
    frame(.request, stream, flags, method: method, message: [1, 2])
  }

  static func data(_ stream: UInt32, _ count: Int, _ flags: FrameFlags = []) -> Frame {
    frame(.data, stream, flags, method: .put, payloadBytes: count)
  }

  static func window(_ stream: UInt32, _ bytes: UInt64) -> Frame {
    frame(.window, stream, message: Window(bytes: bytes).encode())
  }

  static func goAway(_ code: StatusCode) -> Frame {
    frame(.goAway, 0, .error, message: Problem(code, "bye").encode())
  }

  /// A session after HELLO.
  static func open(
    _ settings: ServerSession.Settings = .init(), maxPayload: UInt64 = 0, windowBytes: UInt64 = 0
  ) -> ServerSession {
    var session = ServerSession(settings: settings)
    _ = session.receive(hello(maxPayload: maxPayload, windowBytes: windowBytes))
    return session
  }

  struct NothingMade: Error {}

  /// The bytes that a session was to make.
  static func made(_ bytes: [UInt8]?) throws -> [UInt8] {
    guard let bytes else { throw NothingMade() }
    return bytes
  }

  /// What a session does with `frames`, a line for each action.
  static func play(_ session: inout ServerSession, _ frames: [Frame]) -> [String] {
    frames.flatMap { session.receive($0) }.map(text)
  }

  static func text(_ action: ServerSession.Action) -> String {
    switch action {
    case .send(let bytes): "send " + sent(bytes)
    case .hello(let hello): "hello \(hello.client)"
    case .request(let stream, let method, let message, let last):
      "request \(stream) \(method.name) \(message.count) bytes\(last ? " last" : "")"
    case .data(let stream, let count, let last): "data \(stream) \(count)\(last ? " last" : "")"
    case .discard(let count): "discard \(count)"
    case .window(let stream): "window \(stream)"
    case .stop(let stream): "stop \(stream)"
    case .close: "close"
    }
  }

  /// One frame that was made, and what its message says.
  static func sent(_ bytes: [UInt8]) -> String {
    var parser = FrameParser()
    var offset = 0
    guard let frame = try? parser.feed(bytes.rawSpan, from: &offset), offset == bytes.count else {
      return "broken \(Hex.text(bytes))"
    }
    let header = frame.header
    var text = "\(header.type.name) \(header.stream)"
    if header.flags != [] { text += " flags \(header.flags.rawValue)" }
    if header.payloadBytes > 0 { text += " payload \(header.payloadBytes)" }
    if header.flags.contains(.error) {
      let problem = (try? Problem(decoding: frame.message.rawSpan)) ?? Problem(.ok, "broken")
      text += " " + problem.status.name
      if !problem.limit.isEmpty {
        text += " \(problem.limit) \(problem.limitValue) \(problem.value)"
      }
    }
    if header.type == .window {
      text += " \((try? Window(decoding: frame.message.rawSpan).bytes) ?? 0)"
    }
    return text
  }
}
