// What a server under test logs, line by line as the journal would have it.

import Logging
import VarveBase
import VarveServer

final class RecordedLog: Sendable {
  private let recorded = Locked<[String]>([])

  var lines: [String] { recorded.withLock { $0 } }

  var logger: Logger {
    var logger = Logger(label: "test") { _ in Handler(log: self) }
    logger.logLevel = .trace
    return logger
  }

  private struct Handler: LogHandler {
    let log: RecordedLog
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let pairs = metadata.merging(event.metadata ?? [:]) { _, new in new }
      let line = JournalLogHandler.line(
        level: event.level, label: "test", message: "\(event.message)", metadata: pairs)
      log.recorded.withLock { $0.append(line) }
    }
  }
}
