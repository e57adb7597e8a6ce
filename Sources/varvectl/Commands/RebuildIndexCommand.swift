// `varvectl rebuild-index`: manifest and index made anew from the segments. Offline.

import ArgumentParser
import Logging
import VarveBase
import VarveEngine
import VarveFile

struct RebuildIndexCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebuild-index", abstract: "Make manifest and index anew from the segments.",
    discussion: """
      The daemon does this by itself when manifest or tables are damaged. Needed by hand only \
      where both tables of namespaces are lost: --accept-cleared then takes the names from the \
      segments, and pages of namespaces that were cleared or dropped may come back. Stop the \
      daemon first.
      """)

  @OptionGroup var global: GlobalOptions

  @Argument(help: "The data directory.")
  var directory: String

  @Flag(help: "Go on without any namespace table: what was cleared may come back.")
  var acceptCleared = false

  private struct Answer: Encodable {
    let directory: String
    let namespaces: [String]
    let segments: Int
    let pages: UInt64
    let pageBytes: UInt64
    let segmentsLost: UInt64
    let pagesDropped: UInt64
  }

  func validate() throws {
    guard !directory.isEmpty else { throw ValidationError("DIRECTORY is empty") }
  }

  func perform(_ console: Console) throws {
    var path = directory
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    let files = PosixFileSystem()
    guard (try? files.exists(path + "/segments")) == true else {
      throw Failure(
        .notFound, "\(path) is no data directory of varved: it has no segments",
        advice: "name what --data-dir named; 'make run' uses ./var")
    }
    var logger = Logger(label: "rebuild-index") { _ in ConsoleLogHandler(console: console) }
    logger.logLevel = .warning
    let report: RebuildReport
    do {
      report = try Engine.rebuildIndex(
        path, files: files, clock: SystemClock(), logger: logger, acceptCleared: acceptCleared)
    } catch {
      throw failure(error, path)
    }
    let answer = Answer(
      directory: path, namespaces: report.namespaces, segments: report.segments,
      pages: report.pages, pageBytes: report.pageBytes, segmentsLost: report.segmentsLost,
      pagesDropped: report.pagesDropped)
    try console.print(global.json ? try Json.text(answer) : text(answer))
  }

  private func text(_ answer: Answer) -> String {
    KeyedLines([
      ("directory", answer.directory),
      ("namespaces", answer.namespaces.joined(separator: ", ")),
      ("segments", "\(answer.segments), \(answer.segmentsLost) lost"),
      (
        "pages",
        "\(Numbers.grouped(Int(clamping: answer.pages))), \(ByteSize.text(answer.pageBytes)), "
          + "\(answer.pagesDropped) of a torn tail dropped"
      ),
    ]).text
  }

  private func failure(_ error: EngineOpenError, _ path: String) -> Failure {
    switch error {
    case .locked(let lock):
      Failure(
        .error, "\(path) is in use: \(lock)",
        advice: "rebuild-index works on a directory at rest: stop the daemon first")
    case .unknownVersion(let file, let found, let supported),
      .outdated(let file, let found, let supported):
      Failure(
        .error, "\(file) has format version \(found), this varvectl reads \(supported)",
        advice: "use the varvectl of the release that wrote it")
    case .damaged(let file, let what): Failure(.corruption, "\(file): \(what)")
    case .io(let file, let what): Failure(.error, "\(file): \(what)")
    case .configuration(let what): Failure(.error, "\(path): \(what)")
    }
  }
}

/// What recovery has to say, on standard error.
struct ConsoleLogHandler: LogHandler {
  let console: Console
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .warning

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { console.note("\(event.level): \(event.message)") }
}
