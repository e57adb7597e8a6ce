// The run: cell by cell, round by round, varved and the raw server in turn, so that whatever else
// the machine does falls on both.

import Foundation

final class NetBench {
  private let directory: String
  private let rounds: Int
  private let seconds: Double
  private let pages = BenchPages(pageBytes: Cell.pageBytesLarge, count: 128, seed: 1)
  private let small = BenchPages(pageBytes: 64 << 10, count: 512, seed: 2)
  private let varved: String

  init(directory: String, varved: String, rounds: Int, seconds: Double) throws {
    self.varved = varved
    self.rounds = rounds
    self.seconds = seconds
    self.directory =
      URL(fileURLWithPath: directory)
      .appendingPathComponent("varvebench-\(UUID().uuidString)").path
    do {
      try FileManager.default.createDirectory(
        atPath: self.directory, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw Failure("\(directory) takes no directory of ours: \(error.localizedDescription)")
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }

  func run(_ cells: [Cell]) throws -> Report {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let raw = try RawSide(program: own, directory: directory, pages: pages)
    defer { raw.end() }
    let ours = try VarveSide(
      program: varved, directory: directory, pages: pages, small: small)
    defer { ours.end() }
    var report = Report(machine: Machine.this())
    for cell in cells {
      var pairs: [Report.Pair] = []
      for round in 0..<rounds {
        Console.note("\(cell.name): round \(round + 1) of \(rounds)")
        let our = try ours.round(cell, seconds: seconds)
        let theirs = try raw.round(cell, seconds: seconds, small: small)
        pairs.append(Report.Pair(ours: our, raw: theirs))
      }
      report.add(cell, pairs)
    }
    return report
  }
}
