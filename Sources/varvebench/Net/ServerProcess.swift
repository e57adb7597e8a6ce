// A server under measurement: started with its output read until it is ready, ended by its own pid.

import Foundation

/// Owns a child process.
final class ServerProcess {
  let port: UInt16
  var pid: Int32 { process.processIdentifier }
  private let process: Process

  /// Starts `program` and waits until it says `ready`.
  init(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws {
    guard FileManager.default.isExecutableFile(atPath: program) else {
      throw Failure("\(program) is not there: 'make bench' builds it, or name it with --varved")
    }
    process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch { throw Failure("\(program) does not start: \(error)") }
    var text = ""
    // Ends at the latest with the process: then its end of the pipe is closed.
    while !text.split(separator: "\n").contains("ready") {
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw Failure("\(program) ended before it was ready") }
      text += String(decoding: more, as: UTF8.self)
    }
    guard let port = Self.port(in: text) else {
      process.terminate()
      throw Failure("\(program) does not say where it listens")
    }
    self.port = port
  }

  /// The port of the first line `listening on HOST:PORT`.
  static func port(in text: String) -> UInt16? {
    for line in text.split(separator: "\n") where line.hasPrefix("listening on ") {
      return line.lastIndex(of: ":").flatMap { UInt16(line[line.index(after: $0)...]) }
    }
    return nil
  }

  /// SIGTERM, then waits for the end.
  func stop() {
    guard process.isRunning else { return }
    process.terminate()
    process.waitUntilExit()
  }

  /// SIGKILL: for servers that keep nothing.
  func kill() {
    guard process.isRunning else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
