// A peer's server: started on a free port of loopback, awaited, ended by its own pid.

import Foundation

final class PeerProcess {
  let port: UInt16
  var pid: Int32 { process.processIdentifier }
  private let process = Process()

  private static let secondsMax = 15.0

  /// - Parameter arguments: made from the port that the server is to listen on.
  init(_ program: String, log: String, _ arguments: (UInt16) -> [String]) throws {
    let port = try Self.freePort()
    self.port = port
    guard FileManager.default.isExecutableFile(atPath: program) else {
      throw Failure("\(program) is not installed")
    }
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments(port)
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    let output = FileHandle(forWritingAtPath: log) ?? .nullDevice
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch { throw Failure("\(program) does not start: \(error)") }
    let deadline = Date(timeIntervalSinceNow: Self.secondsMax)
    while (try? RawSocket.connected(port: port)) == nil {
      guard process.isRunning, Date() < deadline else {
        let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        let last = said.split(separator: "\n").last.map(String.init) ?? "nothing"
        end()
        throw Failure("\(program) does not listen; it said: \(last)")
      }
      Thread.sleep(forTimeInterval: 0.05)
    }
  }

  /// Another program could take it before the server does: then the server ends, and that is told.
  static func freePort() throws -> UInt16 {
    let (_, port) = try RawSocket.listening()
    return port
  }

  /// SIGKILL: what it holds is for this run alone.
  func end() {
    guard process.isRunning else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
