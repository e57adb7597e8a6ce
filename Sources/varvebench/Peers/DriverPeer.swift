// A peer asked by its usual client, which is Python's: a driver (Bench/peers) with a process for
// each connection. A line asks for a round, a line of JSON answers.

import Foundation

final class DriverPeer: PeerSide {
  let name: String
  let configuration: String
  let isServed: Bool
  private let process = Process()
  private let input = Pipe()
  private let lines: DriverLines
  private let server: PeerProcess?
  private let pids: [Int32]

  /// The first line may need a server of the driver's own to start.
  private static let readySecondsMax = 120.0
  private static let roundSecondsMax = 30.0

  private struct Ready: Decodable {
    let configuration: String
    /// Servers that the driver started.
    let pids: [Int32]
  }

  /// - Parameters:
  ///   - kind: which of the driver's stores.
  ///   - server: what it asks, where that is for it alone; ended with this side.
  ///   - sharedPid: of the server it asks, where another side owns that.
  init(
    _ name: String, python: String, driver: String, kind: String, server: PeerProcess?,
    port: UInt16?, directory: String, sharedPid: Int32? = nil
  ) throws {
    self.name = name
    self.server = server
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments =
      [driver, kind, "--directory", directory] + (port.map { ["--port", "\($0)"] } ?? [])
    process.standardInput = input
    let (output, log) = (Pipe(), directory + ".log")
    process.standardOutput = output
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    process.standardError = FileHandle(forWritingAtPath: log) ?? .nullDevice
    guard FileManager.default.isExecutableFile(atPath: python) else {
      throw Failure("\(python) is not there: 'make bench-peers-deps' makes it")
    }
    do { try process.run() } catch { throw Failure("\(python) does not start: \(error)") }
    lines = DriverLines(output.fileHandleForReading)
    do {
      let line = try lines.next(seconds: Self.readySecondsMax)
      let ready = try JSONDecoder().decode(Ready.self, from: Data(line.utf8))
      configuration = ready.configuration
      pids = ready.pids + [server?.pid, sharedPid].compactMap { $0 }
      isServed = !pids.isEmpty
    } catch {
      process.terminate()
      process.waitUntilExit()
      let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
      let last = said.split(separator: "\n").last.map { ": \($0)" } ?? ""
      throw Failure(((error as? Failure)?.sentence ?? "\(error)") + last)
    }
  }

  func round(_ cell: Cell, seconds: Double) throws -> Sample {
    func served() throws -> Double {
      try pids.reduce(0) { $0 + (try ProcessClock.seconds(of: $1)) }
    }
    let operation = cell.operation == .put ? "put" : "get"
    func order(_ seconds: Double) throws -> Answer {
      let words = "\(operation) \(cell.pageBytes) \(cell.pages) \(cell.connections) \(seconds)\n"
      try input.fileHandleForWriting.write(contentsOf: Data(words.utf8))
      let line = try lines.next(seconds: Self.roundSecondsMax)
      guard let said = try? JSONDecoder().decode(Answer.self, from: Data(line.utf8)) else {
        throw Failure("the driver answered \(line.prefix(200))")
      }
      if let error = said.error { throw Failure(error) }
      return said
    }
    // What it gets is put first, and memory touched.
    _ = try order(0)
    let pressure = PressureMeter()
    let before = try served()
    let said = try order(seconds)
    var sample = Sample(calls: said.calls, bytes: said.bytes, pages: said.pages)
    (sample.seconds, sample.clientCPU) = (said.seconds, said.cpu)
    sample.serverCPU = try served() - before
    sample.pressure = pressure.end()
    guard said.calls > 0 else { throw Failure("a round ended without a call") }
    return sample
  }

  /// The driver ends its own servers when nothing more is asked; killed if it does not.
  func end() {
    try? input.fileHandleForWriting.close()
    let deadline = Date(timeIntervalSinceNow: 10)
    while process.isRunning, Date() < deadline { Thread.sleep(forTimeInterval: 0.05) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    server?.end()
  }

  private struct Answer: Decodable {
    var calls = 0
    var bytes = 0
    var pages = 0
    var seconds = 0.0
    var cpu = 0.0
    var error: String?

    enum CodingKeys: String, CodingKey { case calls, bytes, pages, seconds, cpu, error }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      error = try values.decodeIfPresent(String.self, forKey: .error)
      calls = try values.decodeIfPresent(Int.self, forKey: .calls) ?? 0
      bytes = try values.decodeIfPresent(Int.self, forKey: .bytes) ?? 0
      pages = try values.decodeIfPresent(Int.self, forKey: .pages) ?? 0
      seconds = try values.decodeIfPresent(Double.self, forKey: .seconds) ?? 0
      cpu = try values.decodeIfPresent(Double.self, forKey: .cpu) ?? 0
    }
  }
}

/// Lines of a pipe, each awaited for a time at most.
private final class DriverLines {
  private let file: FileHandle
  private var rest: [UInt8] = []

  init(_ file: FileHandle) { self.file = file }

  func next(seconds: Double) throws -> String {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while true {
      if let end = rest.firstIndex(of: 10) {
        defer { rest.removeSubrange(...end) }
        return String(decoding: rest[..<end], as: UTF8.self)
      }
      let left = deadline.timeIntervalSinceNow
      var one = pollfd(fd: file.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard left > 0, unsafe poll(&one, 1, Int32(left * 1000) + 1) > 0 else {
        throw Failure("the driver did not answer in \(seconds) s")
      }
      let more = file.availableData
      guard !more.isEmpty else { throw Failure("the driver ended") }
      rest += more
    }
  }
}
