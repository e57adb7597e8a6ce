// One gRPC connection: a reader thread, a writer thread, and between them the state, in which
// `Http2Session` decides what the protocol allows. The state knows nothing of who drives it.

internal import Glibc
internal import Logging
internal import VarveBase
internal import VarveEngine
internal import VarveWire

/// What every gRPC connection of a server shares.
struct GrpcSettings: Sendable {
  var http = Http2Session.Settings()
  var handshakeMillis = 10_000
  var stallMillis = 30_000
  /// 0: an idle connection is kept for ever.
  var idleMillis = 3_600_000
  var bytesPerSecondMin = 128
  var slowRequestMillis = 1000

  /// What must move within the stall time.
  var dueBytes: Int { bytesPerSecondMin * stallMillis / 1000 }
  var stallNanos: UInt64 { UInt64(stallMillis) * 1_000_000 }
}

/// Owns a socket and its two threads; ends when both have ended.
final class GrpcConnection: ServedConnection {
  struct State {
    let http: Http2Session
    var streams: [Int32: GrpcStream] = [:]
    /// Bytes of bodies made and not yet sent, those in the writer's hands included.
    var bodyBytes = 0
    /// Calls being worked on, whether or not somebody still waits for them.
    var workCount = 0
    /// A stream has come whose deadline the writer does not know of.
    var isDeadlineNew = false
    /// When a stream was last begun or ended.
    var idleSinceNanos: UInt64
    /// The client has finished sending, or reading is over.
    var isReadOver = false
    var isDead = false
    var isSendingDone = false
    var isReaderDone = false
    var isWriterDone = false
  }

  let socket: Socket
  let settings: GrpcSettings
  let phase: PhaseCell
  let metrics: ServerMetrics
  let clock: any Clock
  let ledger: MemoryLedger
  let logger: Logger
  let state: Monitor<State>
  /// The request layer; nil while the store is recovering.
  let calls: @Sendable () -> Calls?
  private let whenEnded: @Sendable () -> Void

  init(
    _ socket: Socket, settings: GrpcSettings, phase: PhaseCell, metrics: ServerMetrics,
    clock: any Clock, ledger: MemoryLedger, logger: Logger,
    calls: @escaping @Sendable () -> Calls?, whenEnded: @escaping @Sendable () -> Void
  ) {
    self.socket = socket
    self.settings = settings
    self.phase = phase
    self.metrics = metrics
    self.clock = clock
    self.ledger = ledger
    self.logger = logger
    self.calls = calls
    self.whenEnded = whenEnded
    let now = clock.monotonicNanos()
    state = Monitor(
      State(http: Http2Session(settings: settings.http, nowNanos: now), idleSinceNanos: now))
  }

  /// Starts the writer's thread and reads on the calling one, first what has come already; false
  /// when the system has no thread to give.
  func run(_ visit: Door.Visit) -> Bool {
    socket.setTimeouts(
      receiveMillis: min(settings.handshakeMillis, settings.stallMillis),
      sendMillis: settings.stallMillis)
    guard
      Thread.start(
        "varve-write",
        { [self] in
          runWriter()
          release(state.update { $0.reapAnswered() })
          ended { $0.isWriterDone = true }
        })
    else { return false }
    GrpcReader(self, openedNanos: visit.openedNanos).run(visit)
    ended { $0.isReaderDone = true }
    return true
  }

  private func ended(_ change: (inout State) -> Void) {
    let isEnd = state.update { state in
      change(&state)
      return state.isReaderDone && state.isWriterDone
    }
    if isEnd { whenEnded() }
  }

  func drain() {
    phaseChanged()
    let watchers = state.update { state in
      state.streams.filter { $0.value.watch != nil || $0.value.method == .reflection }.map(\.key)
    }
    for stream in watchers {
      refuse(stream, Refusal(.unavailable, "the daemon is draining; connect elsewhere"))
    }
    state.update { $0.http.drain() }
  }

  func kill() {
    let puts = state.update { state in
      state.isDead = true
      return state.takePuts()
    }
    for put in puts { put.abandon() }
    socket.shutdownBoth()
  }

  /// The request of a stream that lives.
  func context(of stream: Int32) -> RequestContext? { state.update { $0.streams[stream]?.context } }

  var callsInFlight: Int {
    state.update { state in
      state.streams.values.reduce(0) { sum, call in
        guard case .call(let method) = call.method, method != .drain, !call.isEnded else {
          return sum
        }
        return sum + 1
      }
    }
  }

  func stalled(_ doing: String) {
    metrics.connectionsStalled.add()
    logger.info(
      "gRPC: the peer did not go on",
      metadata: ["while": "\(doing)", "millis": "\(settings.stallMillis)"])
  }
}
