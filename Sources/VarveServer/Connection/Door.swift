// The first bytes of a connection tell which protocol it speaks: HTTP/2's preface begins with
// "PRI ", everything else is the framed protocol's, also to refuse.

internal import VarveBase

/// A connection from accept to its end. Its one thread listens for the first bytes, then serves.
final class Door: ServedConnection {
  enum Kind { case frames, grpc }

  /// Who came: the socket, and the bytes received so far.
  struct Visit {
    let kind: Kind
    let socket: Socket
    let scratch: AlignedBuffer
    let received: Int
    let openedNanos: UInt64
  }

  private struct State {
    var inner: (any ServedConnection)?
    var isDraining = false
    var isDead = false
  }

  private static let preface = Array("PRI ".utf8)
  private let socket: Socket
  private let handshakeMillis: Int
  private let clock: any Clock
  private let openedNanos: UInt64
  private let state = Locked(State())
  private let serve: @Sendable (Door, Visit) -> Void

  /// - Parameter serve: serves the connection to its end, on the connection's thread.
  init(
    _ socket: Socket, handshakeMillis: Int, clock: any Clock,
    serve: @escaping @Sendable (Door, Visit) -> Void
  ) {
    self.socket = socket
    self.handshakeMillis = handshakeMillis
    self.clock = clock
    openedNanos = clock.monotonicNanos()
    self.serve = serve
  }

  /// False when the system has no thread to give.
  func start() -> Bool {
    socket.setNoDelay()
    socket.setKeepAlive()
    socket.setTimeouts(receiveMillis: handshakeMillis, sendMillis: handshakeMillis)
    return Thread.start("varve-read") { [self] in serve(self, listen()) }
  }

  /// From here on the connection is in charge; false when it was ended before.
  func lead(to connection: any ServedConnection) -> Bool {
    let (isDead, isDraining) = state.withLock { state in
      state.inner = connection
      return (state.isDead, state.isDraining)
    }
    if isDraining { connection.drain() }
    return !isDead
  }

  /// Receives until the protocol is certain: at most four bytes for that, more if they are there.
  private func listen() -> Visit {
    let scratch = AlignedBuffer(byteCount: Limits.receiveScratchBytes)
    var received = 0
    var kind = Kind.frames
    while received < Self.preface.count {
      let room = unsafe UnsafeMutableRawBufferPointer(
        rebasing: scratch.mutableBytes[received...])
      // What ended the wait, the connection will find again and tell.
      guard let count = try? unsafe socket.receive(into: room), count > 0 else { break }
      received += count
      let known = min(received, Self.preface.count)
      guard unsafe Self.preface.starts(with: scratch.bytes[..<known]) else { break }
      if known == Self.preface.count { kind = .grpc }
    }
    return Visit(
      kind: kind, socket: socket, scratch: scratch, received: received, openedNanos: openedNanos)
  }

  func drain() {
    let inner = state.withLock { state in
      state.isDraining = true
      return state.inner
    }
    inner?.drain()
  }

  func kill() {
    let inner = state.withLock { state in
      state.isDead = true
      return state.inner
    }
    socket.shutdownBoth()
    inner?.kill()
  }

  func phaseChanged() { state.withLock { $0.inner }?.phaseChanged() }

  var callsInFlight: Int { state.withLock { $0.inner }?.callsInFlight ?? 0 }
}

/// Said once, waited for once.
final class EndSignal: Sendable {
  private let isOver = Monitor(false)

  func signal() { isOver.update { $0 = true } }

  func wait() { _ = isOver.wait { $0 ? true : nil } }
}
