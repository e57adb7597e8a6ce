// The reader: bytes to frames, frames to actions of the session, page bytes straight into the
// memory of their put. Used by the connection's reader thread alone.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

/// Why reading ended.
enum ReadEnd: Error {
  /// The client has finished sending.
  case finished
  /// Nothing came for the whole stall time where something was due.
  case stalled
  /// No HELLO in time.
  case handshakeLate
  /// The connection is closing or broken.
  case closed
}

@safe final class ConnectionReader {
  let connection: Connection
  var parser: FrameParser
  /// Puts whose bytes are coming.
  var puts: [UInt32: PutSession] = [:]
  /// Answers with `need`, held back until the client had its chance to send DATA too early.
  var heldNeeds: [(stream: UInt32, message: [UInt8])] = []
  private let scratch: AlignedBuffer
  private var begin = 0
  private var end: Int
  private var isGreeted = false
  private var reservedBytes = 0
  private let handshakeDeadline: UInt64

  init(
    _ connection: Connection, _ scratch: AlignedBuffer, received: Int, openedNanos: UInt64
  ) {
    self.connection = connection
    self.scratch = scratch
    end = received
    parser = FrameParser(payloadBytesMax: connection.settings.session.maxPayload)
    let patience = UInt64(connection.settings.handshakeMillis) * 1_000_000
    handshakeDeadline = openedNanos + patience
  }

  func run() {
    do throws(ReadEnd) {
      while true { try step() }
    } catch {
      finish(error)
    }
    // A put broken off keeps its whole pages; its memory goes back.
    for put in puts.values { put.finish { _ in } }
    puts = [:]
    reserveMessage(0)
    linger()
  }

  /// Receives once, or works on what was received.
  private func step() throws(ReadEnd) {
    if begin == end { try fill() }
    var offset = 0
    let fed = feed(&offset)
    begin += offset
    switch fed {
    case .success(let frame):
      guard let frame else {
        guard reserveMessage(parser.wanted) else { return refuseMemory() }
        return
      }
      let held = heldNeeds
      try handle(frame)
      reserveMessage(0)
      sendNeeds(held)
    case .failure(let error): handle(bad: error)
    }
    try checkOpen()
  }

  private func feed(_ offset: inout Int) -> Result<Frame?, FrameError> {
    let bytes = unsafe UnsafeRawBufferPointer(rebasing: scratch.bytes[begin..<end])
    return Result { () throws(FrameError) in
      try unsafe parser.feed(bytes.bytes, from: &offset)
    }
  }

  /// Receives into the scratch memory. While pages are coming no more than the parser needs next,
  /// so that their bytes never pass through here.
  private func fill() throws(ReadEnd) {
    // Behind a payload the parser has not looked yet and wants nothing: what comes is a head.
    let wanted = parser.wanted == 0 ? FrameHeader.byteCount : parser.wanted
    let room = puts.isEmpty ? scratch.byteCount : min(wanted, scratch.byteCount)
    let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch.mutableBytes[0..<room])
    if !heldNeeds.isEmpty {
      // Held back only as long as something has come already.
      if let count = try unsafe receiveNow(into: memory) {
        (begin, end) = (0, count)
        return
      }
      sendNeeds(heldNeeds)
    }
    end = try unsafe receive(into: memory)
    begin = 0
  }

  // MARK: Bytes

  /// Receives at least one byte. Silence is fine between frames while no put waits for bytes.
  func receive(into memory: UnsafeMutableRawBufferPointer) throws(ReadEnd) -> Int {
    while true {
      do throws(SocketError) {
        let count = try unsafe connection.socket.receive(into: memory)
        connection.calls.metrics.bytesIn.add(count)
        if !isGreeted, connection.clock.monotonicNanos() > handshakeDeadline {
          throw SocketError.stalled
        }
        if count == 0 { throw SocketError.closed(errno: 0) }
        return count
      } catch {
        switch error {
        case .closed(let code): throw code == 0 ? .finished : .closed
        case .stalled:
          if !isGreeted { throw .handshakeLate }
          guard puts.isEmpty, parser.bufferedBytes == 0, parser.payloadRemaining == 0 else {
            throw .stalled
          }
        }
      }
    }
  }

  private func receiveNow(
    into memory: UnsafeMutableRawBufferPointer
  ) throws(ReadEnd) -> Int? {
    do throws(SocketError) {
      guard let count = try unsafe connection.socket.receiveNow(into: memory) else { return nil }
      connection.calls.metrics.bytesIn.add(count)
      if count == 0 { throw SocketError.closed(errno: 0) }
      return count
    } catch {
      if case .closed(let code) = error, code != 0 { throw .closed }
      throw .finished
    }
  }

  /// Takes `count` bytes of payload into `memory`: first those already here, then from the socket.
  func takePayload(into memory: UnsafeMutableRawBufferPointer) throws(ReadEnd) -> Int {
    let here = min(end - begin, memory.count)
    if here > 0 {
      unsafe memory.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: scratch.bytes[begin..<begin + here]))
      begin += here
      parser.skip(here)
      return here
    }
    let count = try unsafe receive(into: memory)
    parser.skip(count)
    return count
  }

  /// Takes and forgets `count` bytes of payload.
  func dropPayload(_ count: Int) throws(ReadEnd) {
    var rest = count
    while rest > 0 {
      let here = min(end - begin, rest)
      if here > 0 {
        begin += here
        parser.skip(here)
        rest -= here
        continue
      }
      let room = min(rest, scratch.byteCount)
      let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch.mutableBytes[0..<room])
      let received = try unsafe receive(into: memory)
      parser.skip(received)
      rest -= received
    }
  }

  func greeted() {
    isGreeted = true
    connection.socket.setTimeouts(
      receiveMillis: connection.settings.stallMillis,
      sendMillis: connection.settings.stallMillis)
  }

  // MARK: Memory

  /// Accounts for a long message before its bytes come; 0 gives it back.
  @discardableResult
  private func reserveMessage(_ wanted: Int) -> Bool {
    if wanted == 0 {
      if reservedBytes == 0 { return true }
      connection.ledger.release(reservedBytes, for: .request)
      reservedBytes = 0
      return true
    }
    let bytes = parser.bufferedBytes + wanted
    guard reservedBytes == 0, bytes > Limits.receiveScratchBytes else { return true }
    guard connection.ledger.reserve(bytes, for: .request) else { return false }
    reservedBytes = bytes
    return true
  }

  private func refuseMemory() {
    perform { session in
      session.goAway(
        Problem(
          .resourceExhausted,
          "a message of \(parser.wanted) bytes does not fit what is left of the daemon's memory, "
            + "\(connection.ledger.limitBytes) bytes; retry later", limit: "memory_max",
          limitValue: UInt64(connection.ledger.limitBytes), value: UInt64(parser.wanted)))
    }
  }

  // MARK: Ends

  private func checkOpen() throws(ReadEnd) {
    // The client must read answers before it gets to ask more: what it makes us hold is bounded.
    let isOpen = connection.state.wait { state -> Bool? in
      if state.isDead || state.isClosing { return false }
      state.isReaderWaiting = !state.admitsMore(connection.ledger)
      return state.isReaderWaiting ? nil : true
    }
    if isOpen != true { throw .closed }
  }

  private func finish(_ end: ReadEnd) {
    switch end {
    case .finished:
      connection.state.update { $0.isReadOver = true }
      breakOffPuts()
    case .closed: break
    case .stalled:
      connection.stalled("receiving")
      perform { session in
        session.goAway(
          Problem(
            .deadlineExceeded,
            "nothing came for \(connection.settings.stallMillis) ms inside a frame or a put",
            limit: "stall_seconds", limitValue: UInt64(connection.settings.stallMillis / 1000)))
      }
    case .handshakeLate:
      connection.stalled("waiting for HELLO")
      perform { session in
        session.goAway(
          Problem(
            .deadlineExceeded, "no HELLO within \(connection.settings.handshakeMillis) ms",
            limit: "handshake_seconds",
            limitValue: UInt64(connection.settings.handshakeMillis / 1000)))
      }
    }
  }

  /// After a GOAWAY: gives the client a second at most to read it and to close.
  private func linger() {
    connection.state.update { state in
      if !state.isReadOver && !state.isClosing { state.isDead = true }
    }
    guard connection.state.update({ $0.isClosing && !$0.isDead }) else { return }
    let deadline =
      connection.clock.monotonicNanos() + UInt64(Limits.goAwayMillis) * 1_000_000
    unsafe connection.socket.awaitClose(
      scratch: scratch.mutableBytes, until: deadline, clock: connection.clock)
    // The client may have finished sending long before it has read what is queued for it.
    _ = connection.state.wait(until: deadline) { $0.isSendingDone || $0.isDead ? true : nil }
    connection.kill()
  }
}
