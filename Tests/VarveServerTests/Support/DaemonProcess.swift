// The built program as a black box: started, read line by line, ended by its own pid.

import Foundation
import Testing
import VarveBase

final class DaemonProcess {
  /// `varved` beside the program that runs the tests; nil when it was not built.
  static let path: String? = {
    let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let candidate = own.deletingLastPathComponent().appendingPathComponent("varved").path
    return FileManager.default.isExecutableFile(atPath: candidate) ? candidate : nil
  }()

  private let process = Process()
  private let output = Pipe()
  private let errors: URL
  private var buffered = ""

  /// - Parameter activating: a listening socket that the daemon gets as descriptor 3, the way a
  ///   service manager hands it over; its name is that of LISTEN_FDNAMES.
  init(
    _ arguments: [String], environment: [String: String] = [:], in directory: String,
    activating: (descriptor: Int32, name: String)? = nil
  ) throws {
    guard let path = Self.path else { throw RawClient.Failure(description: "varved is not built") }
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("VARVE_") }
    variables["SWIFT_BACKTRACE"] = "enable=no"
    variables.merge(environment) { _, new in new }
    if let activating {
      // Only the program itself knows its process id early enough: a shell that becomes it.
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments =
        ["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 </dev/null", path] + arguments
      process.standardInput = FileHandle(
        fileDescriptor: activating.descriptor, closeOnDealloc: false)
      variables["LISTEN_FDS"] = "1"
      variables["LISTEN_FDNAMES"] = activating.name
    }
    process.environment = variables
    process.standardOutput = output
    errors = URL(fileURLWithPath: directory + "/stderr-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  var pid: Int32 { process.processIdentifier }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// The next line of standard output; nil at its end. Blocks: a daemon that hangs fails the
  /// suite's own time limit.
  func line() -> String? {
    while !buffered.contains("\n") {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { return nil }
      buffered += String(decoding: data, as: UTF8.self)
    }
    guard let end = buffered.firstIndex(of: "\n") else { return nil }
    defer { buffered = String(buffered[buffered.index(after: end)...]) }
    return String(buffered[..<end])
  }

  /// Waits for the end; the exit code, and what was said.
  func end() -> (code: Int32, output: String, errors: String) {
    var rest = ""
    while let line = line() { rest += line + "\n" }
    process.waitUntilExit()
    let said = (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
    return (process.terminationStatus, rest, said)
  }
}
