// One framed connection: a reader thread, a writer thread, and between them the state, in which
// `ServerSession` decides what the protocol allows. The state knows nothing of who drives it.

internal import Glibc
package import Logging
package import VarveBase
package import VarveWire
internal import VarveEngine

/// What every connection of a server shares.
package struct ConnectionSettings: Sendable {
  package var session = ServerSession.Settings()
  package var handshakeMillis = 10_000
  package var stallMillis = 30_000
  package var slowRequestMillis = 1000

  package init() {}
}

/// Owns a socket and its two threads; ends when both have ended.
package final class Connection: Sendable {
  struct State {
    var session: ServerSession
    /// Frames whose heads are made, in that order.
    var control: [[UInt8]] = []
    var controlBytes = 0
    /// Bytes of answers in the batch in hand.
    var sendingBytes = 0
    /// What the ledger holds for both.
    var answerBytesReserved = 0
    var gets: [UInt32: OutgoingGet] = [:]
    /// Streams with gets, the one whose turn it is first.
    var turns: [UInt32] = []
    /// Bytes of pages made and not yet sent, those in somebody's hands included.
    var pageBytes = 0
    /// Calls that have been begun and not answered.
    var calls: [UInt32: RequestContext] = [:]
    /// Nothing more is answered; what is queued leaves, then the connection closes.
    var isClosing = false
    /// The client has finished sending: streams begun are finished, then the connection closes.
    var isReadOver = false
    /// The socket is of no use any more.
    var isDead = false
    /// Somebody has a batch in hand.
    var isWriting = false
    /// What the kernel has not taken of one.
    var unsent: OutgoingBatch?
    /// The client makes answers faster than it reads them.
    var isReaderWaiting = false
    /// The last byte has been given to the kernel.
    var isSendingDone = false
    var isWriterDone = false
    var isReaderDone = false

    /// Everything made was sent and nothing more will be made.
    var isDrained: Bool {
      control.isEmpty && !isWriting && unsent == nil
        && (isClosing || session.isFinished || (isReadOver && calls.isEmpty))
    }
  }

  let socket: Socket
  let calls: Calls
  let settings: ConnectionSettings
  let clock: any Clock
  let ledger: MemoryLedger
  let logger: Logger
  let state: Monitor<State>
  private let whenEnded: @Sendable (Connection) -> Void

  package init(
    _ socket: Socket, calls: Calls, settings: ConnectionSettings, clock: any Clock,
    ledger: MemoryLedger, logger: Logger, whenEnded: @escaping @Sendable (Connection) -> Void
  ) {
    self.socket = socket
    self.calls = calls
    self.settings = settings
    self.clock = clock
    self.ledger = ledger
    self.logger = logger
    self.whenEnded = whenEnded
    state = Monitor(State(session: ServerSession(settings: settings.session)))
  }

  /// Starts the writer's thread and reads on the calling one, first what `scratch` holds already;
  /// false when the system has no thread to give.
  ///
  /// - Parameter openedNanos: when the socket was accepted; the client's time for HELLO runs since.
  package func run(_ scratch: AlignedBuffer, received: Int, openedNanos: UInt64) -> Bool {
    let elapsed = Int((clock.monotonicNanos() - openedNanos) / 1_000_000)
    socket.setTimeouts(
      receiveMillis: max(1, settings.handshakeMillis - elapsed), sendMillis: settings.stallMillis)
    guard
      Thread.start(
        "varve-write",
        { [self] in
          runWriter()
          ended { $0.isWriterDone = true }
        })
    else { return false }
    ConnectionReader(self, scratch, received: received, openedNanos: openedNanos).run()
    ended { $0.isReaderDone = true }
    return true
  }

  private func ended(_ change: (inout State) -> Void) {
    let isEnd = state.update { state in
      change(&state)
      guard state.isReaderDone && state.isWriterDone else { return false }
      state.control = []
      state.controlBytes = 0
      state.unsent = nil
      state.answersLeft(ledger)
      return true
    }
    if isEnd { whenEnded(self) }
  }

  /// Takes no more calls, finishes those begun, then closes.
  package func drain() {
    state.update { state in
      let actions = state.session.drain()
      for case .send(let bytes) in actions { enqueue(bytes, &state) }
    }
  }

  /// Calls begun and not answered, but for Drain, which waits for the others.
  package var callsInFlight: Int {
    state.update { state in
      state.isDead ? 0 : state.calls.values.reduce(0) { $0 + ($1.method == .drain ? 0 : 1) }
    }
  }

  /// Ends the connection now; answers in the making are dropped.
  package func kill() {
    state.update { $0.isDead = true }
    socket.shutdownBoth()
  }

  // MARK: Answers

  func enqueue(_ bytes: [UInt8], _ state: inout State) {
    guard !state.isDead else { return }
    state.control.append(bytes)
    state.controlBytes += bytes.count
  }

  /// The whole answer of a unary call.
  func answer(_ stream: UInt32, _ message: [UInt8]) {
    let done = state.change { state, _ -> EndedCall? in
      guard let head = state.session.response(on: stream, message, last: true) else { return nil }
      enqueue(head, &state)
      return endCall(stream, &state)
    }
    sendNow()
    if let done { conclude(done) }
  }

  /// One message of several; false when the stream is over.
  func answerPart(_ stream: UInt32, _ message: [UInt8]) -> Bool {
    state.update { state in
      guard let head = state.session.response(on: stream, message, last: false) else {
        return false
      }
      enqueue(head, &state)
      return true
    }
  }

  /// The error that ends a call.
  func refuse(_ stream: UInt32, _ refusal: Refusal) {
    let method = state.update { $0.calls[stream]?.method.name ?? "unknown" }
    let told = calls.judged(refusal, method: method)
    let done = state.update { state -> EndedCall? in
      state.dropGet(stream)
      guard let head = state.session.problem(on: stream, told.problem) else { return nil }
      calls.metrics.problem(told.problem)
      enqueue(head, &state)
      return endCall(stream, &state)
    }
    if let done { conclude(done) }
  }

  /// A call that has just been answered.
  struct EndedCall {
    let context: RequestContext
    let nanos: UInt64
  }

  /// The request of a stream that has not been answered.
  func context(of stream: UInt32) -> RequestContext? { state.peek { $0.calls[stream] } }

  /// Counts a call's end, under the state's lock: whoever sees the answer sees it counted.
  func endCall(_ stream: UInt32, _ state: inout State) -> EndedCall? {
    guard let context = state.calls.removeValue(forKey: stream) else { return nil }
    return EndedCall(context: context, nanos: context.end())
  }

  func conclude(_ call: EndedCall) {
    call.context.conclude(
      nanos: call.nanos, slowMillis: settings.slowRequestMillis, logger: logger)
  }
}

extension Connection.State {
  /// Whether the client may ask for more before it has read what waits for it: answers are bounded
  /// in number and bytes, and those over a few KiB are in the ledger.
  mutating func admitsMore(_ ledger: MemoryLedger) -> Bool {
    guard control.count < Limits.outgoingFramesMax, controlBytes < Limits.outgoingControlBytesMax
    else { return false }
    let held = controlBytes + sendingBytes
    guard held > max(answerBytesReserved, Limits.outgoingUncountedBytesMax) else { return true }
    guard ledger.reserve(held - answerBytesReserved, for: .request) else { return false }
    answerBytesReserved = held
    return true
  }

  /// The answers in hand have left, or the connection has ended.
  mutating func answersLeft(_ ledger: MemoryLedger) {
    sendingBytes = 0
    let held = controlBytes > Limits.outgoingUncountedBytesMax ? controlBytes : 0
    guard answerBytesReserved > held else { return }
    ledger.release(answerBytesReserved - held, for: .request)
    answerBytesReserved = held
  }

  /// Forgets a get and what was made for it.
  mutating func dropGet(_ stream: UInt32) {
    guard let get = gets.removeValue(forKey: stream) else { return }
    pageBytes -= get.queuedBytes
    turns.removeAll { $0 == stream }
  }
}
