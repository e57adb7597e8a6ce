// Bytes of a client against the server's side, split anywhere, with heads mended so that damage
// goes deeper than the CRC. What the session sends back must be frames.

import VarveBase
import VarveWire

enum FrameFuzz {
  /// Steering byte: 1 mends heads, 2 gives windows, 4 puts a HELLO in front, 8 answers calls,
  /// 16 drains after the first request.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let steering = input.byte()
    var split = UInt64(input.byte()) &+ 1
    var stream = input.rest()
    if steering & 1 != 0 { mend(&stream) }
    if steering & 4 != 0 { stream = hello(windowBytes: steering & 2 != 0 ? 100 : 0) + stream }
    var driver = Driver(steering)
    var start = 0
    while start < stream.count, !driver.isOver {
      split = split &* 6_364_136_223_846_793_005 &+ 1
      let end = min(stream.count, start + 1 + Int(split >> 33) % 97)
      driver.feed(stream, start..<end)
      start = end
    }
  }

  static func hello(windowBytes: UInt64) -> [UInt8] {
    let message = Hello(versionMin: 1, versionMax: 1, client: "fuzz", windowBytes: windowBytes)
      .encode()
    return FrameHeader(.hello, messageBytes: message.count).encode() + message
  }

  /// Puts magic and CRC right in every head that the lengths before it lead to.
  private static func mend(_ stream: inout [UInt8]) {
    var at = 0
    while at + FrameHeader.byteCount <= stream.count {
      stream.replaceSubrange(at..<at + 4, with: FrameHeader.magic)
      stream.storeLE(UInt32(0), at: at + 24)
      stream.storeLE(CRC32C.checksum(Array(stream[at..<at + 28])), at: at + 28)
      let message = UInt64(stream.rawSpan.load(at + 12, as: UInt32.self))
      let payload: UInt64 = stream.rawSpan.load(at + 16)
      let rest = UInt64(stream.count - at - FrameHeader.byteCount)
      guard message <= rest, payload <= rest - message else { return }
      at += FrameHeader.byteCount + Int(message) + Int(payload)
    }
  }
}

/// What the connection's reader does, without a connection.
private struct Driver {
  private let steering: UInt8
  private var parser = FrameParser()
  private var session: ServerSession
  private(set) var isOver = false

  init(_ steering: UInt8) {
    self.steering = steering
    session = ServerSession(
      settings: .init(
        server: "fuzz", maxStreams: 4, windowBytes: steering & 2 != 0 ? 200 : 0))
  }

  mutating func feed(_ stream: [UInt8], _ range: Range<Int>) {
    var offset = range.lowerBound
    while offset < range.upperBound, !isOver {
      if parser.payloadRemaining > 0 {
        let count = min(parser.payloadRemaining, range.upperBound - offset)
        parser.skip(count)
        offset += count
        continue
      }
      do throws(FrameError) {
        let span = stream.rawSpan
        let frame = try parser.feed(span.extracting(0..<range.upperBound), from: &offset)
        demand(parser.bufferedBytes <= offset, "the parser holds more than came")
        if let frame { carryOut(session.receive(frame)) }
      } catch {
        carryOut(session.fail(error))
        demand(session.isFinished, "a bad frame ends the connection")
        isOver = true
      }
      session.checkInvariants()
    }
  }

  private mutating func carryOut(_ actions: [ServerSession.Action]) {
    for action in actions {
      switch action {
      case .send(let frame): check(frame)
      case .request(let stream, let method, let message, _):
        demand(message.count <= Limits.messageBytesMax, "a message over its limit")
        if steering & 8 != 0 { answer(stream, method, message) }
        if steering & 16 != 0 { carryOut(session.drain()) }
      case .data(let stream, let byteCount, _):
        demand(byteCount <= parser.payloadRemaining, "data beyond the payload")
        if let frame = session.grant(on: stream, bytes: UInt64(byteCount)) { check(frame) }
      case .discard(let byteCount):
        demand(byteCount == parser.payloadRemaining, "discards another payload")
      case .close: isOver = true
      case .hello, .window, .stop: break
      }
    }
    if session.isFinished { isOver = true }
  }

  /// A byte of the message decides how: whole, in parts, or with a problem.
  private mutating func answer(_ stream: UInt32, _ method: Method, _ message: [UInt8]) {
    let choice = (message.last ?? 0) % 4
    if choice == 3 { return }
    if choice == 2 {
      if let frame = session.problem(on: stream, Problem(.notFound, "no")) { check(frame) }
      return
    }
    let room = min(session.sendableBytes(on: stream) ?? 0, 64)
    let isLast = choice == 0
    if let head = session.response(on: stream, [], payloadBytes: room, last: isLast) {
      check(head)
    }
    if !isLast, let sendable = session.sendableBytes(on: stream), sendable > 0,
      let head = session.data(on: stream, payloadBytes: 1, last: method == .get)
    {
      check(head)
    }
  }

  /// What the session sends is a frame of the contract.
  private func check(_ frame: [UInt8]) {
    do {
      let header = try FrameHeader(decoding: frame.rawSpan.extracting(0..<FrameHeader.byteCount))
      let echoes = header.type == .ping || header.type == .pong ? header.payloadBytes : 0
      demand(
        frame.count == FrameHeader.byteCount + header.messageBytes + echoes,
        "a frame of another length than its head says")
    } catch {
      demand(false, "the session made a frame that is none: \(error)")
    }
  }
}
