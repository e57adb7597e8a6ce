// Frames over a socket, client side: what is nobody's call (PING, GOAWAY, streams that are over) is
// answered or dropped here, so that a call sees only its own frames.

internal import VarveBase
internal import VarveWire

/// One connection after HELLO. Not for several threads.
final class Connection {
  private let socket: Socket
  private var parser = FrameParser()
  private let buffer = AlignedBuffer(byteCount: 64 << 10)
  /// Received at once where a head is due: little, since pages may follow, and they shall go
  /// straight to their memory.
  private static let headRoom = 4 << 10
  private var bufferStart = 0
  private var bufferEnd = 0
  /// Where a Get puts a page together; kept, since fresh memory costs more than receiving into it.
  private var page = AlignedBuffer(byteCount: 4096)
  private var lastStream: UInt32?
  private var pongs: [[UInt8]] = []
  /// Why no more calls are possible.
  private(set) var ended: ClientError?
  /// The server takes no more calls, but answers those begun.
  private(set) var draining: Problem?
  /// Bytes that may still be sent on the stream in work; nil: no window.
  private(set) var sendCredit: UInt64?
  private(set) var server = HelloOk()

  init(_ endpoint: Endpoint, _ options: ClientOptions) throws(ClientError) {
    socket = try Socket.connect(
      endpoint, connectMillis: options.connectMillis, timeoutMillis: options.timeoutMillis)
    let hello = Hello(versionMin: 1, versionMax: 1, token: options.token, client: options.name)
    let message = hello.encode()
    guard message.count <= Limits.helloBytesMax else {
      throw .invalidRequest("HELLO has \(message.count) bytes, \(Limits.helloBytesMax) fit")
    }
    try write(FrameHeader(.hello, messageBytes: message.count), message, doing: "HELLO")
    let frame = try readFrame("HELLO")
    if frame.header.type == .goAway { throw .goAway(try decode(frame)) }
    guard frame.header.type == .helloOk else {
      throw end(.protocolViolation("\(frame.header.type.name) in answer to HELLO"))
    }
    server = try decode(frame)
    guard server.version == 1 else {
      throw end(.protocolViolation("version \(server.version) in answer to 1 to 1"))
    }
  }

  /// Memory for a page of `count` bytes, the same for every page of the call in work.
  func pageMemory(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if page.byteCount < count { page = AlignedBuffer(byteCount: (count + 4095) / 4096 * 4096) }
    return unsafe UnsafeMutableRawBufferPointer(rebasing: page.mutableBytes[..<count])
  }

  func close() { _ = end(.connectionLost("closed by the caller")) }

  /// Largest payload that the server takes.
  var payloadBytesMax: Int {
    let most = UInt64(Limits.payloadBytesMax)
    return Int(server.maxPayload == 0 ? most : min(server.maxPayload, most))
  }

  /// Whether a frame, or the connection's end, waits to be read.
  var isReadable: Bool { bufferStart < bufferEnd || socket.isReadable }

  // MARK: Calls

  /// Begins a call and gives its stream.
  func begin(_ method: Method, _ message: [UInt8], last: Bool) throws(ClientError) -> UInt32 {
    if let ended { throw ended }
    if let draining { throw .goAway(draining) }
    guard message.count <= Limits.messageBytesMax else {
      throw .invalidRequest(
        "\(method.name): the request has \(message.count) bytes, \(Limits.messageBytesMax) fit")
    }
    let stream = lastStream.map { $0 &+ 2 } ?? 1
    guard lastStream != .max else {
      throw end(.connectionLost("all stream ids are used: connect again"))
    }
    lastStream = stream
    sendCredit = server.windowBytes == 0 ? nil : server.windowBytes
    let head = FrameHeader(
      .request, flags: last ? .last : [], method: method.rawValue, stream: stream,
      messageBytes: message.count)
    try write(head, message, doing: method.name)
    return stream
  }

  /// Sends one DATA frame; its payload must be within `sendCredit` and `payloadBytesMax`.
  func sendData(
    _ method: Method, _ stream: UInt32, _ parts: [UnsafeRawBufferPointer], last: Bool
  ) throws(ClientError) {
    let count = unsafe parts.reduce(0) { $0 + $1.count }
    if let credit = sendCredit { sendCredit = credit - UInt64(count) }
    let head = FrameHeader(
      .data, flags: last ? .last : [], method: method.rawValue, stream: stream,
      payloadBytes: count)
    try unsafe send(head.encode(), parts, doing: method.name)
  }

  /// Tells the server that no answer is wanted any more; its end still comes.
  func cancel(_ method: Method, _ stream: UInt32) throws(ClientError) {
    let head = FrameHeader(
      .cancel, flags: .last, method: method.rawValue, stream: stream)
    try write(head, [], doing: "CANCEL")
  }

  /// The next RESPONSE or DATA of the stream, whose payload then follows (`payload`), or WINDOW,
  /// after which `sendCredit` is larger. Throws the stream's error.
  func next(_ method: Method, _ stream: UInt32) throws(ClientError) -> Frame {
    while true {
      if let frame = try step(method, stream) { return frame }
    }
  }

  /// Reads one frame, waiting for it; nil when it was not the stream's.
  func step(_ method: Method, _ stream: UInt32) throws(ClientError) -> Frame? {
    let frame = try readFrame(method.name)
    let header = frame.header
    guard header.stream == stream else {
      try passBy(frame)
      return nil
    }
    switch header.type {
    case .response where header.flags.contains(.error):
      try dropPayload(method.name)
      throw .problem(try decode(frame))
    case .response, .data: return frame
    case .window:
      let window: Window = try decode(frame)
      let (sum, over) = (sendCredit ?? 0).addingReportingOverflow(window.bytes)
      guard !over, sum <= UInt64(Int64.max) else {
        throw end(.protocolViolation("windows sum up over 2^63-1 bytes"))
      }
      if sendCredit != nil { sendCredit = sum }
      return frame
    default:
      throw end(.protocolViolation("\(header.type.name) on stream \(stream)"))
    }
  }

  /// Payload bytes of the last frame that have not been taken.
  var payloadRemaining: Int { parser.payloadRemaining }

  /// Fills `bytes` with the next payload bytes.
  func payload(into bytes: UnsafeMutableRawBufferPointer, doing: String) throws(ClientError) {
    precondition(bytes.count <= parser.payloadRemaining, "more than the frame's payload")
    var filled = 0
    while filled < bytes.count {
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[filled...])
      if bufferStart < bufferEnd {
        let count = min(rest.count, bufferEnd - bufferStart)
        unsafe rest.copyBytes(
          from: UnsafeRawBufferPointer(rebasing: buffer.bytes[bufferStart..<bufferStart + count]))
        bufferStart += count
        filled += count
      } else {
        filled += try unsafe receive(rest, doing)
      }
    }
    parser.skip(bytes.count)
  }

  /// Reads the rest of the last frame's payload and forgets it.
  func dropPayload(_ doing: String) throws(ClientError) {
    while parser.payloadRemaining > 0 {
      if bufferStart == bufferEnd { try refill(doing, parser.payloadRemaining) }
      let count = min(parser.payloadRemaining, bufferEnd - bufferStart)
      bufferStart += count
      parser.skip(count)
    }
  }

  /// Sends a PING and waits for its PONG.
  func ping(_ payload: [UInt8]) throws(ClientError) {
    if let ended { throw ended }
    pongs = []
    try write(FrameHeader(.ping, payloadBytes: payload.count), payload, doing: "PING")
    while !pongs.contains(payload) { try passBy(try readFrame("PING")) }
  }

  func decode<Message: WireMessage>(_ frame: Frame) throws(ClientError) -> Message {
    do throws(WireError) {
      return try Message(decoding: frame.message.rawSpan)
    } catch {
      throw end(.protocolViolation("\(frame.header.type.name): \(error.problem.message)"))
    }
  }

  /// Notes that the connection is over and why; returns the reason, to be thrown.
  func end(_ error: ClientError) -> ClientError {
    if ended == nil {
      ended = error
      socket.shut()
    }
    return error
  }

  // MARK: Bytes

  private func passBy(_ frame: Frame) throws(ClientError) {
    let header = frame.header
    switch header.type {
    case .ping:
      let pong = FrameHeader(.pong, payloadBytes: frame.echo.count)
      try write(pong, frame.echo, doing: "PONG")
    case .pong: pongs.append(frame.echo)
    case .goAway:
      let problem: Problem = try decode(frame)
      guard problem.status == .unavailable else { throw end(.goAway(problem)) }
      draining = problem
    case .hello, .helloOk, .request, .cancel:
      throw end(.protocolViolation("\(header.type.name) from the server"))
    default:
      // Frames of calls that were given up, and types of later releases.
      try dropPayload("dropping \(header.type.name)")
    }
  }

  private func readFrame(_ doing: String) throws(ClientError) -> Frame {
    while true {
      if let frame = try parse() { return frame }
      try refill(doing, parser.wanted)
    }
  }

  private func parse() throws(ClientError) -> Frame? {
    do throws(FrameError) {
      var offset = bufferStart
      defer { bufferStart = offset }
      let held = unsafe RawSpan(
        _unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer.bytes[..<bufferEnd]))
      return try parser.feed(held, from: &offset)
    } catch {
      throw end(.protocolViolation(error.problem.message))
    }
  }

  /// Receives `wanted` bytes at most, as far as the buffer goes, or those of a head.
  private func refill(_ doing: String, _ wanted: Int) throws(ClientError) {
    precondition(bufferStart == bufferEnd, "bytes would be lost")
    bufferStart = 0
    bufferEnd = 0
    let room = min(buffer.byteCount, max(Self.headRoom, wanted))
    bufferEnd = try unsafe receive(
      UnsafeMutableRawBufferPointer(rebasing: buffer.mutableBytes[..<room]), doing)
  }

  private func receive(
    _ bytes: UnsafeMutableRawBufferPointer, _ doing: String
  ) throws(ClientError) -> Int {
    if let ended { throw ended }
    do throws(ClientError) {
      let count = try unsafe socket.receive(bytes, doing: doing)
      guard count > 0 else {
        // A server that drains closes after the last answer: that is no accident.
        if let draining { throw .goAway(draining) }
        throw .connectionLost("\(doing): the server closed the connection")
      }
      return count
    } catch {
      throw end(error)
    }
  }

  private func write(
    _ head: FrameHeader, _ message: [UInt8], doing: String
  ) throws(ClientError) {
    try unsafe send(head.frame(message), [], doing: doing)
  }

  private func send(
    _ head: [UInt8], _ parts: [UnsafeRawBufferPointer], doing: String
  ) throws(ClientError) {
    if let ended { throw ended }
    let result = unsafe head.withUnsafeBytes { bytes -> Result<Void, ClientError> in
      do throws(ClientError) {
        try unsafe socket.send([bytes] + parts, doing: doing)
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    if case .failure(let error) = result { throw endOfSending(error) }
  }

  // A server that refuses the connection sends GOAWAY and closes; what it said is worth more than
  // the broken pipe that writing saw.
  private func endOfSending(_ error: ClientError) -> ClientError {
    guard case .connectionLost = error, parser.payloadRemaining == 0 else { return end(error) }
    do throws(ClientError) {
      while socket.isReadable || bufferStart < bufferEnd { try passBy(try readFrame("GOAWAY")) }
    } catch {
      return end(error)
    }
    return end(error)
  }
}
