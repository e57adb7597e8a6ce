// Log lines for journald: a priority prefix, the message, then key=value pairs, on stderr. Never
// page data, never secrets: callers give names and numbers.

internal import Glibc
package import Logging

/// Writes each event as one line with one `write`, so lines of threads do not mix.
package struct JournalLogHandler: LogHandler {
  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  package var logLevel: Logger.Level
  private let label: String
  private let descriptor: Int32

  package init(label: String, level: Logger.Level, descriptor: Int32 = STDERR_FILENO) {
    self.label = label
    logLevel = level
    self.descriptor = descriptor
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var pairs = metadata
    pairs.merge(event.metadata ?? [:]) { _, new in new }
    var bytes = Array(
      Self.line(level: event.level, label: label, message: "\(event.message)", metadata: pairs)
        .utf8)
    bytes.append(UInt8(ascii: "\n"))
    // A log that cannot be written is lost: there is nobody to tell.
    _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
  }

  /// The line without its end. Control characters become spaces: one event is one line, whatever a
  /// client put into a name.
  package static func line(
    level: Logger.Level, label: String, message: String, metadata: Logger.Metadata
  ) -> String {
    var text = "\(label): \(message)"
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
    let clean = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }
    return "<\(priority(level))>" + String(String.UnicodeScalarView(clean))
  }

  /// syslog's numbers, as sd-daemon(3) has them.
  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
