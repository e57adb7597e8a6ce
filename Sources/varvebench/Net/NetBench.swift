// The run: cell by cell, round by round, varved and the raw server in turn, so that whatever else
// the machine does falls on both.

import Foundation

final class NetBench {
  private let directory: BenchDirectory
  private let rounds: Int
  private let seconds: Double
  private let varved: String

  init(directory: String, varved: String, rounds: Int, seconds: Double) throws {
    self.varved = varved
    self.rounds = rounds
    self.seconds = seconds
    self.directory = try BenchDirectory(in: directory)
  }

  func remove() { directory.remove() }

  func run(_ cells: [Cell], commit: String) throws -> [ResultLine] {
    let sets = PageSets(cells)
    for cell in cells { _ = sets.of(cell.payloadPageBytes) }
    let raw = RawSide(
      program: try BenchDirectory.ownProgram(), directory: directory.path, sets: sets, cells: cells)
    defer { raw.end() }
    let loops = RawSide(
      program: try BenchDirectory.ownProgram(), directory: directory.path, sets: sets, cells: [],
      loops: Machine.this().processors)
    defer { loops.end() }
    let ours = try VarveSide(program: varved, directory: directory.path, sets: sets)
    defer { ours.end() }
    if cells.contains(where: \.asksWhatTheDiskGives), FioSide(path: directory.path) == nil {
      Console.note("fio is not installed ('make bench-deps'): cold prefixes stand without it")
    }
    let machine = Machine.this()
    var lines: [ResultLine] = [
      .machine(
        processors: machine.processors, model: machine.model, load: machine.load, commit: commit)
    ]
    for cell in cells {
      for round in 0..<rounds {
        Console.note("\(cell.name): round \(round + 1) of \(rounds)")
        if cell.operation == .lookupUnderBulk {
          lines += UnderBulk.lines(
            cell, "varve", round, try UnderBulk.round(cell, seconds: seconds, ours.rounds))
          lines += UnderBulk.lines(
            cell, "raw", round, try UnderBulk.round(cell, seconds: seconds, raw.rounds))
          continue
        }
        var samples = [
          ("varve", try ours.round(cell, seconds: seconds)),
          ("raw", try raw.round(cell, seconds: seconds)),
        ]
        if cell.asksWhatDrivesConnections {
          samples.append(("epoll", try loops.round(cell, seconds: seconds)))
        }
        if cell.asksWhatTheDiskGives, let fio = FioSide(path: raw.coldFile(cell.pageBytes)) {
          let pages = sets.of(cell.pageBytes)
          let bytes = pages.count * pages.pageBytes * RawServer.coldCopies
          samples.append(
            ("fio", try fio.best(blockBytes: cell.pageBytes, of: bytes, seconds: seconds)))
        }
        for (side, sample) in samples {
          lines.append(
            .round(
              MeasuredRound(
                bench: "net", cell: cell.name, side: side, round: round, sample: sample,
                isServed: side != "fio", rate: cell.rate)))
        }
      }
    }
    let measured = lines.compactMap { if case .round(let round) = $0 { round } else { nil } }
    return lines + NetDemands.figures(measured).map { .figure($0) }
  }
}

/// A temporary directory of a run, ours alone.
struct BenchDirectory {
  let path: String

  init(in parent: String) throws {
    path =
      URL(fileURLWithPath: parent).appendingPathComponent("varvebench-\(UUID().uuidString)").path
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw Failure("\(parent) takes no directory of ours: \(error.localizedDescription)")
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  static func ownProgram() throws -> String {
    try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  }
}
