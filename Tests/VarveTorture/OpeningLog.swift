// What a store said at level error or above while it was opened. After a crash of the machine
// nothing is damaged that was synced: a recovery that speaks of damage found a sync left out.

internal import Logging
internal import VarveBase

final class OpeningLog: Sendable {
  private let lines = Locked<[String]>([])

  /// Takes the lines out.
  func take() -> [String] {
    lines.withLock { lines in
      defer { lines.removeAll() }
      return lines
    }
  }

  var logger: Logger {
    var logger = Logger(label: "torture") { _ in Handler(log: self) }
    logger.logLevel = .error
    return logger
  }

  private struct Handler: LogHandler {
    let log: OpeningLog
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.error

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      log.lines.withLock { $0.append("\(event.message)") }
    }
  }
}
