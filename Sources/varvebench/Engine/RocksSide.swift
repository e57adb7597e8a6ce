// RocksDB with BlobDB, driven by a program of its own (Bench/rocks): a line asks for a round, a
// line of JSON answers.

import Foundation

final class RocksSide {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var rest = ""

  /// - Parameters:
  ///   - program: what `make bench-rocks` built.
  ///   - wal: puts go through the write-ahead log; without, a crash of the process loses them.
  convenience init(program: String, directory: String, cell: EngineCell, wal: Bool) throws {
    try self.init(
      program: program, directory: directory, pageBytes: cell.pageBytes, pages: cell.pages,
      hotCalls: cell.hotCalls, coldCalls: cell.coldCalls, cacheBytes: EngineCell.arenaBytes,
      wal: wal)
  }

  init(
    program: String, directory: String, pageBytes: Int, pages: Int, hotCalls: Int, coldCalls: Int,
    cacheBytes: Int, wal: Bool
  ) throws {
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = [
      directory, "\(pageBytes)", "\(pages)", "\(hotCalls)", "\(coldCalls)", "\(cacheBytes)",
      wal ? "wal" : "nowal",
    ]
    process.standardInput = input
    process.standardOutput = output
    do { try process.run() } catch { throw Failure("\(program) does not start: \(error)") }
    guard try line() == "ready" else { throw Failure("\(program) is not ready") }
  }

  func round(_ cell: EngineCell, seconds: Double) throws -> Sample {
    try round(cell.operation.rawValue, workers: cell.workers, seconds: seconds)
  }

  func round(_ operation: String, workers: Int, seconds: Double) throws -> Sample {
    let order = "\(operation) \(workers) \(seconds)\n"
    try input.fileHandleForWriting.write(contentsOf: Data(order.utf8))
    let answer = try line()
    guard let said = try? JSONDecoder().decode(Answer.self, from: Data(answer.utf8)) else {
      throw Failure("rocksbench answered \(answer)")
    }
    var sample = Sample()
    (sample.calls, sample.bytes, sample.pages) = (said.calls, said.bytes, said.pages)
    (sample.seconds, sample.clientCPU) = (said.seconds, said.cpu)
    guard said.calls > 0 else { throw Failure("rocksbench made no call") }
    return sample
  }

  /// It ends when nothing more is asked.
  func end() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  private struct Answer: Decodable {
    let calls: Int
    let bytes: Int
    let pages: Int
    let seconds: Double
    let cpu: Double
  }

  private func line() throws -> String {
    while !rest.contains("\n") {
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw Failure("rocksbench ended") }
      rest += String(decoding: more, as: UTF8.self)
    }
    guard let end = rest.firstIndex(of: "\n") else { return rest }
    defer { rest = String(rest[rest.index(after: end)...]) }
    return String(rest[..<end])
  }
}
