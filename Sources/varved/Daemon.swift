// The life of the process: bind, say so, open the store, serve, drain on a signal. Every way out of
// it has one sentence on stderr and a code.

import Dispatch
import Foundation
import Logging
import VarveBase
import VarveEngine
import VarveFile
import VarveServer

enum Daemon {
  static func run(_ configuration: ServerConfiguration, startEmpty: Bool) -> Never {
    signal(SIGPIPE, SIG_IGN)
    let descriptors = ProcessLimits.raiseOpenFiles()
    let level = configuration.logLevel
    LoggingSystem.bootstrap { JournalLogHandler(label: $0, level: level) }
    let server: Server
    let environment = ProcessInfo.processInfo.environment
    let activated: [ActivatedSocket]
    do {
      try configuration.checkDescriptors(allowed: descriptors)
      activated = try ActivatedSocket.taken(from: environment)
      server = try Server(
        configuration, files: PosixFileSystem(), clock: SystemClock(),
        logger: Logger(label: "varved"))
    } catch {
      fail(.usage, error.message)
    }
    do {
      try server.bind(activated: activated)
    } catch {
      switch error {
      case .inUse: fail(.addressInUse, error.message)
      case .unusable: fail(.usage, error.message)
      }
    }
    for address in server.addresses { say("listening on \(address)") }
    if let http = server.httpAddress { say("http on \(http)") }

    let notifier = ServiceNotifier(environment: environment)
    let signals = Signals(server: server, notifier: notifier)
    signals.start()
    open(server, startEmpty: startEmpty)
    say("ready")
    notifier.send("READY=1")
    signals.startWatchdog()
    dispatchMain()
  }

  private static func open(_ server: Server, startEmpty: Bool) {
    do {
      if startEmpty { try server.moveStoreAside() }
      try server.open()
    } catch {
      server.closeListeners()
      switch error {
      case .configuration(let what): fail(.usage, what)
      case .locked(let path):
        fail(.dataDirectory, "\(path) is held by another process: one daemon a data directory")
      case .unknownVersion(let path, let found, let supported),
        .outdated(let path, let found, let supported):
        fail(
          .dataDirectory,
          "\(path) has format version \(found) and this daemon reads \(supported): use the release "
            + "that wrote it, or --start-empty")
      case .damaged(let path, let what): fail(.dataDirectory, "\(path) is damaged: \(what)")
      case .io(let path, let what): fail(.dataDirectory, "\(path) cannot be used: \(what)")
      }
    }
  }

  /// One line, written at once: readers of stdout wait for it.
  static func say(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
    let bytes = Array((text + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
  }

  static func fail(_ code: ExitCode, _ sentence: String) -> Never {
    say("varved: \(sentence)", to: STDERR_FILENO)
    exit(code.rawValue)
  }
}
