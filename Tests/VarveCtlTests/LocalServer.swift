// A whole daemon inside the test's process: real sockets on port 0, a temporary directory.

import Foundation
import Logging
import VarveBase
import VarveClient
import VarveFile
import VarveServer

@testable import varvectl

final class LocalServer {
  let folder: TemporaryFolder
  private let server: Server
  private var isStopped = false

  var dataDirectory: String { folder.path + "/data" }
  let endpoint: String

  init(capacity: Int = 64 << 20, folder: TemporaryFolder? = nil) throws {
    let folder = try folder ?? TemporaryFolder()
    self.folder = folder
    var configuration = ServerConfiguration()
    configuration.listen = [.tcp(host: "127.0.0.1", port: 0)]
    configuration.http = .tcp(host: "127.0.0.1", port: 0)
    configuration.dataDirectory = folder.path + "/data"
    configuration.capacityBytes = UInt64(capacity)
    configuration.segmentBytes = 4 << 20
    configuration.memoryMaxBytes = 96 << 20
    configuration.drainSeconds = 5
    try configuration.check()
    var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    server = try Server(
      configuration, files: PosixFileSystem(), clock: SystemClock(), logger: logger)
    try server.bind()
    endpoint = server.addresses.first.map { "\($0)" } ?? ""
    try server.open()
  }

  deinit { stop() }

  func stop() {
    guard !isStopped else { return }
    isStopped = true
    server.stop()
  }

  func client() throws -> Client { try Client(try Endpoint(endpoint)) }

  /// Runs varvectl against this server.
  func run(_ arguments: String...) -> (status: ExitStatus, output: String, errors: String) {
    runTool(arguments + ["--endpoint", endpoint])
  }
}

/// Runs varvectl in this process.
func runTool(_ arguments: [String]) -> (status: ExitStatus, output: String, errors: String) {
  let recorded = RecordedConsole()
  let status = CommandLineTool.run(arguments, recorded.console())
  return (status, recorded.output, recorded.errors)
}

/// The text as a JSON object.
func object(_ text: String) throws -> [String: Any] {
  let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
  return value as? [String: Any] ?? [:]
}
