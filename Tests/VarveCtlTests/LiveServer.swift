// A daemon in this process for commands to speak to, and the commands as a shell would run them.

import Foundation
import Logging
import VarveBase
import VarveFile
import VarveServer

@testable import varvectl

final class LiveServer {
  let folder: TemporaryFolder
  let server: Server

  init() throws {
    folder = try TemporaryFolder()
    var configuration = ServerConfiguration()
    configuration.listen = [.tcp(host: "127.0.0.1", port: 0)]
    configuration.http = nil
    configuration.dataDirectory = folder.path + "/data"
    configuration.capacityBytes = 64 << 20
    configuration.segmentBytes = 4 << 20
    configuration.memoryMaxBytes = 96 << 20
    configuration.drainSeconds = 2
    var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    server = try Server(
      configuration, files: PosixFileSystem(), clock: SystemClock(), logger: logger)
    try server.bind()
    try server.open()
  }

  deinit { server.stop() }

  var endpoint: String { server.addresses.first.map { "\($0)" } ?? "" }

  struct Outcome {
    let status: ExitStatus
    let output: String
    let errors: String

    /// The one JSON value of the output.
    func json() throws -> Any { try JSONSerialization.jsonObject(with: Data(output.utf8)) }

    func object() throws -> [String: Any] { try json() as? [String: Any] ?? [:] }
  }

  /// Runs `varvectl` with these words against this daemon.
  func run(_ words: String..., isTerminal: Bool = false) -> Outcome {
    Self.run(words + ["--endpoint", endpoint], isTerminal: isTerminal)
  }

  static func run(_ words: [String], isTerminal: Bool = false) -> Outcome {
    let recorded = RecordedConsole()
    let status = CommandLineTool.run(words, recorded.console(isTerminal: isTerminal))
    return Outcome(status: status, output: recorded.output, errors: recorded.errors)
  }

  /// Stores `count` pages of 5,000 bytes each in a namespace.
  func fill(_ namespace: String, count: Int) throws {
    let ids = PageID.chain(tokens: (0..<UInt32(count)).map { $0 }, pageTokens: 1)
    let bytes = [UInt8](repeating: 7, count: count * 5000)
    let file = try folder.file("pages", bytes)
    let outcome = Self.run(
      ["put", "--namespace", namespace, "--file", file, "--endpoint", endpoint]
        + ids.map { $0.hex })
    guard outcome.status == .success else { throw Failure(.error, outcome.errors) }
  }
}
