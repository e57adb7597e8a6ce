// The daemon without its process: listeners, connections, HTTP, and the store behind them.

internal import Dispatch
package import Logging
package import VarveBase
package import VarveEngine
package import VarveFile
internal import Synchronization
internal import VarveTuner
internal import VarveWire

/// Binds, opens, serves, stops; each once and in this order.
package final class Server: Sendable {
  let configuration: ServerConfiguration
  let engineConfiguration: EngineConfiguration
  private let tunerKnobs: [VarveTuner.Knob]
  let files: any FileSystem
  let clock: any Clock
  let logger: Logger
  let startedNanos: UInt64
  package let ledger: MemoryLedger
  package let metrics = ServerMetrics()
  package let phase = PhaseCell()
  let history = StatusHistory()
  let connections: ConnectionSet
  private let acceptQueue = DispatchQueue(label: "varve.accept")
  private let parts = Locked(Parts())
  private let refusing = Locked(0)

  private struct Parts {
    var listeners: [Listener] = []
    var http: HttpServer?
    var calls: Calls?
    var sampler: StatusSampler?
  }

  package init(
    _ configuration: ServerConfiguration, files: any FileSystem, clock: any Clock, logger: Logger
  ) throws(ConfigurationProblem) {
    self.configuration = configuration
    engineConfiguration = try configuration.engineConfiguration()
    tunerKnobs = try configuration.tunerKnobs()
    self.files = files
    self.clock = clock
    self.logger = logger
    startedNanos = clock.monotonicNanos()
    ledger = MemoryLedger(limitBytes: try configuration.memorySplit().totalBytes)
    let connections = ConnectionSet(countMax: configuration.connectionsMax)
    self.connections = connections
    phase.observe { connections.phaseChanged() }
  }

  /// The addresses listened on, with the ports the kernel gave.
  package var addresses: [ListenAddress] {
    parts.withLock { $0.listeners.map(\.address) }
  }

  package var httpAddress: ListenAddress? { parts.withLock { $0.http?.address } }

  /// Connections that live on the data port now.
  package var openConnections: Int { connections.count }

  /// The request layer once the store is open.
  package var calls: Calls? { parts.withLock { $0.calls } }

  /// Takes every address, or none. HTTP answers from here on, the data port from `open` on.
  /// - Parameter activated: listening sockets of a service manager. Those named `http` replace the
  ///   configured HTTP address, the others replace the configured `listen`.
  package func bind(activated: [ActivatedSocket] = []) throws(BindError) {
    do {
      try bindListeners(activated.filter { !$0.isHttp })
      try bindHttp(activated.first { $0.isHttp })
    } catch {
      closeListeners()
      throw error
    }
    for listener in parts.withLock({ $0.listeners }) {
      listener.start { [weak self] socket in self?.accept(socket) }
    }
    guard let http = parts.withLock({ $0.http }) else { return }
    http.start()
    let sampler = StatusSampler(seconds: Limits.statusSampleSeconds) { [weak self] in
      guard let self, let sample = statusSample() else { return }
      history.add(sample)
    }
    parts.withLock { $0.sampler = sampler }
  }

  private func bindListeners(_ activated: [ActivatedSocket]) throws(BindError) {
    for socket in activated {
      let listener = try Listener(
        adopting: socket, insecure: configuration.insecure, queue: acceptQueue)
      parts.withLock { $0.listeners.append(listener) }
    }
    guard activated.isEmpty else { return }
    for address in configuration.listen {
      let listener = try Listener(address, queue: acceptQueue)
      parts.withLock { $0.listeners.append(listener) }
    }
  }

  private func bindHttp(_ activated: ActivatedSocket?) throws(BindError) {
    let listener: Listener
    if let activated {
      listener = try Listener(
        adopting: activated, insecure: configuration.insecure, queue: acceptQueue)
    } else if let address = configuration.http {
      listener = try Listener(address, queue: acceptQueue)
    } else {
      return
    }
    let http = HttpServer(listener) { [weak self] path in
      self?.respond(to: path) ?? HttpResponse(.unavailable, body: "stopping\n")
    }
    parts.withLock { $0.http = http }
  }

  /// Opens the store and serves. Blocks until recovery is done.
  package func open() throws(EngineOpenError) {
    let engine = try Engine.open(
      engineConfiguration, files: files, clock: clock, ledger: ledger, logger: logger)
    do {
      try checkFree(engine)
    } catch {
      engine.close()
      throw error
    }
    let tuner = TunerDriver(
      engine, configuration.tuner, knobs: tunerKnobs, clock: clock, logger: logger)
    let calls = Calls(
      engine: engine, tuner: tuner, metrics: metrics, ledger: ledger, clock: clock,
      startedNanos: startedNanos,
      phase: phase, logger: logger)
    var surroundings = Calls.Surroundings()
    surroundings.minFreeBytes = configuration.minFreeBytes
    surroundings.segmentsMax = segmentsMax()
    surroundings.drainSeconds = configuration.drainSeconds
    surroundings.drain = { [weak self] deadline in self?.drain(until: deadline) ?? 0 }
    calls.set(surroundings)
    parts.withLock { $0.calls = calls }
    if !tuner.start() { logger.warning("the system has no thread for the tuner: it stands still") }
    phase.enter(.ready)
    if let sample = statusSample() { history.add(sample) }
    logger.notice(
      "serving",
      metadata: [
        "version": "\(Version.text)", "data_dir": "\(configuration.dataDirectory)",
        "capacity": "\(configuration.capacityBytes)", "memory_max": "\(ledger.limitBytes)",
      ])
  }

  /// Takes nothing more, tells every client to go elsewhere and waits for the calls begun; how many
  /// are left at the deadline. The listeners stay, to say why; so does the process.
  package func drain(until deadline: UInt64) -> Int {
    if phase.current == .ready {
      phase.enter(.draining)
      logger.notice("draining because a client asked for it; nothing is taken until a restart")
    }
    connections.tellDraining()
    return connections.waitForCalls(until: deadline, clock: clock)
  }

  /// Stops accepting, lets streams begun finish within `drain_seconds`, closes the store.
  package func stop() {
    phase.enter(.draining)
    logger.notice("draining", metadata: ["seconds": "\(configuration.drainSeconds)"])
    for listener in parts.withLock({ $0.listeners }) { listener.close() }
    let patience = UInt64(configuration.drainSeconds) * 1_000_000_000
    if !connections.drain(until: clock.monotonicNanos() + patience) {
      logger.warning("connections were cut off at the end of drain_seconds")
    }
    phase.enter(.stopped)
    calls?.tuner.stop()
    calls?.engine.close()
    closeListeners()
    logger.notice("stopped")
  }

  /// Frees the addresses; for a start that failed.
  package func closeListeners() {
    let (listeners, http, sampler) = parts.withLock { parts in
      defer {
        parts.listeners = []
        parts.http = nil
        parts.sampler = nil
      }
      return (parts.listeners, parts.http, parts.sampler)
    }
    sampler?.stop()
    for listener in listeners { listener.close() }
    http?.close()
  }

  // MARK: Accepting

  private func accept(_ socket: Socket) {
    metrics.connectionsAccepted.add()
    let door = Door(
      socket, handshakeMillis: configuration.handshakeSeconds * 1000, clock: clock
    ) { [self] door, visit in
      serve(door, visit)
      ledger.release(Limits.receiveScratchBytes, for: .connection)
      connections.remove(door)
    }
    guard connections.insert(door) else {
      let most = UInt64(configuration.connectionsMax)
      return refuse(
        socket,
        Problem(
          .resourceExhausted,
          "\(most) connections are open, the limit; retry later or on an open one",
          limit: "connections_max", limitValue: most, value: most + 1))
    }
    guard ledger.reserve(Limits.receiveScratchBytes, for: .connection) else {
      connections.remove(door)
      return refuse(
        socket,
        Problem(
          .resourceExhausted, "no memory for another connection; retry later",
          limit: "memory_max", limitValue: UInt64(ledger.limitBytes)))
    }
    if !door.start() {
      noThread()
      ledger.release(Limits.receiveScratchBytes, for: .connection)
      connections.remove(door)
    }
  }

  private func noThread() {
    logger.warning("a connection was closed: the system has no thread for it")
  }

  /// Serves a connection to its end, on its own thread.
  private func serve(_ door: Door, _ visit: Door.Visit) {
    switch visit.kind {
    case .grpc: serveGrpc(door, visit)
    case .frames: serveFrames(door, visit)
    }
  }

  private func serveFrames(_ door: Door, _ visit: Door.Visit) {
    let problem: Problem
    switch phase.current {
    case .recovering: problem = Problem(.unavailable, "the store is recovering; retry soon")
    case .draining, .stopped:
      problem = Problem(.unavailable, "the daemon is draining; connect elsewhere")
    case .ready:
      guard let calls else { return }
      let ended = EndSignal()
      let connection = Connection(
        visit.socket, calls: calls, settings: connectionSettings(calls), clock: clock,
        ledger: ledger, logger: logger
      ) { _ in ended.signal() }
      guard door.lead(to: connection) else { return }
      // Whoever was let in while a drain told the others is told here: either it saw the door in
      // the set, and the door tells, or this thread sees its phase.
      if phase.current != .ready { connection.drain() }
      guard connection.run(visit.scratch, received: visit.received, openedNanos: visit.openedNanos)
      else { return noThread() }
      return ended.wait()
    }
    metrics.connectionsRefused.add()
    metrics.problem(problem)
    FarewellSender.send(problem, to: visit.socket, clock: clock, isFramed: true)
  }

  private func serveGrpc(_ door: Door, _ visit: Door.Visit) {
    guard ledger.reserve(Limits.grpcScratchBytes, for: .connection) else { return }
    defer { ledger.release(Limits.grpcScratchBytes, for: .connection) }
    let ended = EndSignal()
    let connection = GrpcConnection(
      visit.socket, settings: grpcSettings, phase: phase, metrics: metrics, clock: clock,
      ledger: ledger, logger: logger, calls: { [weak self] in self?.calls }
    ) { ended.signal() }
    guard door.lead(to: connection) else { return }
    guard connection.run(visit) else { return noThread() }
    ended.wait()
  }

  private var grpcSettings: GrpcSettings {
    var settings = GrpcSettings()
    settings.http.streamsMax = configuration.streamsMax
    settings.handshakeMillis = configuration.handshakeSeconds * 1000
    settings.stallMillis = configuration.stallSeconds * 1000
    settings.idleMillis = configuration.idleSeconds * 1000
    settings.bytesPerSecondMin = configuration.minRate
    settings.slowRequestMillis = configuration.slowRequestMillis
    return settings
  }

  private func connectionSettings(_ calls: Calls) -> ConnectionSettings {
    var settings = ConnectionSettings()
    settings.session.server = "varved \(Version.text)"
    settings.session.bootID = calls.engine.bootID
    settings.session.windowBytes = UInt64(Limits.serverWindowBytes)
    settings.handshakeMillis = configuration.handshakeSeconds * 1000
    settings.stallMillis = configuration.stallSeconds * 1000
    settings.slowRequestMillis = configuration.slowRequestMillis
    return settings
  }

  /// Says why and closes. Bounded: beyond a few at once the socket is just closed.
  private func refuse(_ socket: Socket, _ problem: Problem) {
    metrics.connectionsRefused.add()
    metrics.problem(problem)
    let isRoom = refusing.withLock { count in
      guard count < Limits.refusalsAtOnce else { return false }
      count += 1
      return true
    }
    guard isRoom else { return }
    let isStarted = Thread.start("varve-refuse") { [self] in
      FarewellSender.send(problem, to: socket, clock: clock)
      refusing.withLock { $0 -= 1 }
    }
    if !isStarted { refusing.withLock { $0 -= 1 } }
  }
}

extension Server {
  /// Returns when the server's own locks can be had: what the watchdog asks before each beat.
  package func touchLocks() {
    _ = notReadyReason
    _ = openConnections
    _ = ledger.totalBytes
  }
}
