// What each frame from the client does. Frames come judged by their heads (`FrameHeader`); here
// they are judged by the state of the connection.

internal import VarveBase

extension ServerSession {
  /// Takes one frame; the actions are to be carried out in order.
  package mutating func receive(_ frame: Frame) -> [Action] {
    defer { checkInvariants() }
    let header = frame.header
    let payload = header.type == .ping || header.type == .pong ? 0 : header.payloadBytes
    guard phase != .closed else { return Self.discard(payload) }
    do throws(FrameError) {
      return try route(frame, payload)
    } catch {
      // The payload of a bad frame is of no interest: the connection ends.
      return fail(error)
    }
  }

  private mutating func route(_ frame: Frame, _ payload: Int) throws(FrameError) -> [Action] {
    let header = frame.header
    if phase == .awaitingHello {
      guard header.type == .hello else { throw .helloMissing(header.type) }
      return try hello(frame.message)
    }
    switch header.type {
    case .hello: throw .secondHello
    case .helloOk, .response: throw .notFromThisSide(header.type)
    case .request: return try request(header, frame.message)
    case .data: return try data(header)
    case .cancel: return cancel(header.stream)
    case .window: return try window(header.stream, frame.message)
    case .ping:
      let pong = FrameHeader(.pong, payloadBytes: frame.echo.count)
      return [.send(pong.frame(frame.echo))]
    case .pong: return []
    case .goAway: return try peerGoesAway(frame.message)
    default: return unknown(header) + Self.discard(payload)
    }
  }

  // MARK: Connection

  private mutating func hello(_ message: [UInt8]) throws(FrameError) -> [Action] {
    let hello: Hello = try Self.decode(.hello, message)
    let common = min(hello.versionMax, Self.versions.upperBound)
    guard common >= max(hello.versionMin, Self.versions.lowerBound) else {
      return goAway(
        Problem(
          .failedPrecondition,
          "no common version: the client speaks \(hello.versionMin) to \(hello.versionMax), "
            + "the server \(Self.versions.lowerBound) to \(Self.versions.upperBound)"))
    }
    guard hello.windowBytes <= UInt64(Int64.max) else { throw .windowOverflow(0) }
    let most = UInt64(Limits.payloadBytesMax)
    clientMaxPayload = Int(hello.maxPayload == 0 ? most : min(hello.maxPayload, most))
    clientWindow = hello.windowBytes
    phase = .open
    let answer = HelloOk(
      version: common, features: settings.features, maxPayload: UInt64(settings.maxPayload),
      maxPages: UInt32(settings.maxPages), windowBytes: settings.windowBytes,
      server: settings.server, bootID: settings.bootID, maxStreams: UInt32(settings.maxStreams)
    ).encode()
    let head = FrameHeader(.helloOk, messageBytes: answer.count)
    return [.send(head.frame(answer)), .hello(hello)]
  }

  private mutating func peerGoesAway(_ message: [UInt8]) throws(FrameError) -> [Action] {
    let problem: Problem = try Self.decode(.goAway, message)
    guard problem.status == .unavailable else { return stopAll() + [.close] }
    phase = .draining
    return []
  }

  // MARK: Streams

  private mutating func request(
    _ header: FrameHeader, _ message: [UInt8]
  ) throws(FrameError) -> [Action] {
    let id = header.stream
    guard id > lastStream else { throw .streamNotRising(id, last: lastStream) }
    lastStream = id
    let last = header.flags.contains(.last)
    func refuse(_ problem: Problem) -> [Action] {
      [.send(Self.problemFrame(id, header.method, problem))]
    }
    guard phase == .open else { return refuse(Problem(.unavailable, "draining; retry elsewhere")) }
    guard let method = Method(rawValue: header.method) else {
      return refuse(Problem(.unimplemented, "method \(header.method) is unknown"))
    }
    guard last || method.takesData else {
      return refuse(
        Problem(.invalidArgument, "\(method.name) takes no DATA: its REQUEST has flag 1"))
    }
    guard streams.count < settings.maxStreams else {
      return refuse(
        Problem(
          .resourceExhausted,
          "\(streams.count + 1) streams at once are over max_streams \(settings.maxStreams); "
            + "retry when one has ended", limit: "max_streams",
          limitValue: UInt64(settings.maxStreams), value: UInt64(streams.count + 1)))
    }
    streams[id] = Stream(
      method: header.method, clientIsDone: last,
      receiveCredit: settings.windowBytes == 0 ? nil : settings.windowBytes,
      sendCredit: clientWindow == 0 ? nil : clientWindow)
    return [.request(stream: id, method: method, message: message, last: last)]
  }

  private mutating func data(_ header: FrameHeader) throws(FrameError) -> [Action] {
    let id = header.stream
    let count = header.payloadBytes
    let last = header.flags.contains(.last)
    guard id <= lastStream else { throw .streamNeverOpened(.data, id) }
    guard var stream = streams[id] else { return Self.discard(count) }
    guard !stream.clientIsDone else {
      return end(id, Problem(.invalidArgument, "DATA after this side's last frame"))
        + Self.discard(count)
    }
    if let credit = stream.receiveCredit {
      guard UInt64(count) <= credit else {
        let problem = Problem(
          .resourceExhausted,
          "\(count) bytes of DATA where the window allows \(credit); wait for WINDOW",
          limit: "window_bytes", limitValue: credit, value: UInt64(count))
        return end(id, problem) + Self.discard(count)
      }
      stream.receiveCredit = credit - UInt64(count)
    }
    stream.clientIsDone = last
    streams[id] = stream
    return count > 0 || last ? [.data(stream: id, byteCount: count, last: last)] : []
  }

  private mutating func cancel(_ id: UInt32) -> [Action] {
    guard streams[id] != nil else { return [] }
    return end(id, Problem(.cancelled, "cancelled by the client"))
  }

  private mutating func window(_ id: UInt32, _ message: [UInt8]) throws(FrameError) -> [Action] {
    let window: Window = try Self.decode(.window, message)
    guard window.bytes <= UInt64(Int64.max) else { throw .windowOverflow(id) }
    guard var stream = streams[id] else { return [] }
    // Neither summand is over 2^63-1, so the sum cannot wrap.
    let sum = (stream.sendCredit ?? stream.surplus) + window.bytes
    guard sum <= UInt64(Int64.max) else { throw .windowOverflow(id) }
    if stream.sendCredit == nil { stream.surplus = sum } else { stream.sendCredit = sum }
    streams[id] = stream
    return [.window(stream: id)]
  }

  private mutating func unknown(_ header: FrameHeader) -> [Action] {
    let id = header.stream
    guard id != 0 else { return [] }
    let problem = Problem(.unimplemented, "frames of \(header.type.name) are unknown")
    if streams[id] != nil { return end(id, problem) }
    guard id > lastStream else { return [] }
    lastStream = id
    return [.send(Self.problemFrame(id, header.method, problem))]
  }

  // MARK: Parts

  /// Ends a stream whose call has not been answered.
  private mutating func end(_ id: UInt32, _ problem: Problem) -> [Action] {
    guard let stream = streams.removeValue(forKey: id) else { return [] }
    return [.stop(stream: id), .send(Self.problemFrame(id, stream.method, problem))]
  }

  static func problemFrame(_ id: UInt32, _ method: UInt16, _ problem: Problem) -> [UInt8] {
    let message = problem.encode()
    let head = FrameHeader(
      .response, flags: [.last, .error], method: method, stream: id, messageBytes: message.count)
    return head.frame(message)
  }

  private static func discard(_ count: Int) -> [Action] {
    count > 0 ? [.discard(byteCount: count)] : []
  }

  private static func decode<Message: WireMessage>(
    _ type: FrameType, _ bytes: [UInt8]
  ) throws(FrameError) -> Message {
    do throws(WireError) {
      return try Message(decoding: bytes.rawSpan)
    } catch {
      throw .message(type, error)
    }
  }
}
