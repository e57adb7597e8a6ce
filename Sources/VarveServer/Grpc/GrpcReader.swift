// The reader: bytes to events, events to calls. Used by the connection's reader thread alone.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

@safe final class GrpcReader {
  /// What is being read of one request.
  enum Body {
    /// Messages that are held whole: one for a unary call, several for reflection.
    case messages(GrpcMethod, GrpcMessageReader, whole: [[UInt8]])
    case put(GrpcPutReader, GrpcPut?)
    /// The call is over; what still comes belongs to nobody.
    case nobody
  }

  let connection: GrpcConnection
  var bodies: [Int32: Body] = [:]
  /// What each body being collected has reserved in the ledger.
  var reserved: [Int32: Int] = [:]
  private let scratch = AlignedBuffer(byteCount: Limits.grpcScratchBytes)
  private let handshakeDeadline: UInt64

  init(_ connection: GrpcConnection, openedNanos: UInt64) {
    self.connection = connection
    handshakeDeadline = openedNanos + UInt64(connection.settings.handshakeMillis) * 1_000_000
  }

  func run(_ visit: Door.Visit) {
    unsafe take(UnsafeRawBufferPointer(rebasing: visit.scratch.bytes[..<visit.received]))
    var isGreeted = false
    while isOpen(&isGreeted) {
      do throws(SocketError) {
        let count = try unsafe connection.socket.receive(into: scratch.mutableBytes)
        guard count > 0 else { break }
        unsafe take(UnsafeRawBufferPointer(rebasing: scratch.bytes[..<count]))
      } catch {
        guard error == .stalled else { break }
      }
    }
    end()
  }

  /// Whether to read on. Waits while too much of what nobody asked for waits to be sent (answers to
  /// PING and SETTINGS): flow control does not hold it back, so this cannot hang on windows.
  private func isOpen(_ isGreeted: inout Bool) -> Bool {
    let outcome = connection.state.wait { state -> (isOpen: Bool, isGreeted: Bool)? in
      if state.isDead || state.isSendingDone { return (false, true) }
      guard state.http.outboundFrames < Limits.http2OutboundFramesMax else { return nil }
      return (state.http.whyFailed == nil, state.http.isGreeted)
    }
    guard let outcome, outcome.isOpen else { return false }
    guard !isGreeted else { return true }
    if outcome.isGreeted {
      isGreeted = true
      let millis = connection.settings.stallMillis
      connection.socket.setTimeouts(receiveMillis: millis, sendMillis: millis)
    } else if connection.clock.monotonicNanos() >= handshakeDeadline {
      connection.stalled("waiting for SETTINGS")
      let millis = connection.settings.handshakeMillis
      connection.state.update {
        $0.http.fail(
          Http2Failure(Http2Code.protocolError, "no SETTINGS of the client within \(millis) ms"))
      }
      return false
    }
    return true
  }

  private func take(_ bytes: UnsafeRawBufferPointer) {
    connection.metrics.bytesIn.add(bytes.count)
    let now = connection.clock.monotonicNanos()
    let (events, reaped) = connection.state.update { state in
      unsafe state.http.receive(bytes, nowNanos: now)
      return (state.http.takeEvents(), state.reap(nowNanos: now))
    }
    connection.release(reaped)
    var taken: [Int32: Int] = [:]
    for event in events {
      switch event {
      case .request(let stream, let fields, let isEnd): begin(stream, fields, isEnd: isEnd)
      case .data(let stream, let range):
        unsafe feed(stream, UnsafeRawBufferPointer(rebasing: bytes[range]))
        taken[stream, default: 0] += range.count
      case .end(let stream): bodyEnded(stream)
      case .closed(let stream, _): forget(stream)
      }
    }
    guard !taken.isEmpty else { return }
    connection.state.update { state in
      for (stream, count) in taken {
        state.streams[stream]?.receiving.moved(count)
        state.http.consume(stream, count)
      }
    }
  }

  func forget(_ stream: Int32) {
    bodies[stream] = nil
    reserve(0, for: stream)
  }

  /// Accounts for what a body collects; false when there is no room for it.
  @discardableResult
  func reserve(_ bytes: Int, for stream: Int32) -> Bool {
    let before = reserved[stream] ?? 0
    // Small ones are covered by the connection's own reservation.
    let wanted = bytes > Limits.receiveScratchBytes ? bytes : 0
    guard wanted != before else { return true }
    if wanted > before {
      let all = reserved.values.reduce(0, +) - before + wanted
      guard all <= Limits.grpcCollectedBytesMax,
        connection.ledger.reserve(wanted - before, for: .request)
      else { return false }
    } else {
      connection.ledger.release(before - wanted, for: .request)
    }
    reserved[stream] = wanted == 0 ? nil : wanted
    return true
  }

  // MARK: Ends

  /// Nothing more will come. Calls whose request is whole are finished; after a GOAWAY the client
  /// gets a second at most to read it and to close.
  private func end() {
    let (failure, puts) = connection.state.update { state in
      state.isReadOver = true
      for stream in state.streams.keys where state.streams[stream]?.isReceiving == true {
        state.http.reset(stream, Http2Code.cancel)
      }
      for stream in state.streams.keys where state.streams[stream]?.watch != nil {
        state.http.reset(stream, Http2Code.cancel)
      }
      return (state.http.whyFailed, state.takePuts())
    }
    for put in puts { put.abandon() }
    for stream in Array(reserved.keys) { reserve(0, for: stream) }
    bodies = [:]
    if failure != nil { connection.metrics.badFrames.add() }
    linger()
  }

  private func linger() {
    let isClosing = connection.state.update { $0.http.whyFailed != nil && !$0.isDead }
    if isClosing {
      let deadline =
        connection.clock.monotonicNanos() + UInt64(Limits.goAwayMillis) * 1_000_000
      unsafe connection.socket.awaitClose(
        scratch: scratch.mutableBytes, until: deadline, clock: connection.clock)
      _ = connection.state.wait(until: deadline) { $0.isSendingDone || $0.isDead ? true : nil }
      return connection.kill()
    }
    // Answers begun are still sent; the writer ends when there are none.
    _ = connection.state.wait { $0.isSendingDone || $0.isDead || $0.isWriterDone ? true : nil }
    connection.kill()
  }
}
