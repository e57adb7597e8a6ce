// The run of `varvebench peers`: the same operations against whoever else keeps pages, round by
// round, cell by cell, all sides in turn. Who cannot run is named with the reason.

import Foundation

final class PeersBench {
  struct Programs {
    var varved: String
    /// The environment that `make bench-peers-deps` makes.
    var venv: String
    var driver: String
    var rocks: String?
  }

  private let directory: BenchDirectory
  private let programs: Programs
  private let rounds: Int
  private let seconds: Double
  private let deadline: Date
  private var sides: [any PeerSide] = []
  private var lines: [ResultLine] = []

  init(
    directory: String, programs: Programs, rounds: Int, seconds: Double, minutesMax: Double
  ) throws {
    self.programs = programs
    self.rounds = rounds
    self.seconds = seconds
    deadline = Date(timeIntervalSinceNow: minutesMax * 60)
    self.directory = try BenchDirectory(in: directory)
  }

  func remove() { directory.remove() }

  /// Pages a call: as many 1 MiB pages as make a call of 16 MiB.
  static let pages = 16

  static let cells = [Cell.pageBytesLarge, Cell.pageBytesSmall].flatMap { bytes in
    [Cell.Operation.put, .getHot].flatMap { operation in
      [1, 4].map { Cell(operation, bytes, pages, connections: $0) }
    }
  }

  func run(_ cells: [Cell], only: [String], commit: String) throws -> [ResultLine] {
    let sets = PageSets(cells)
    for cell in cells { _ = sets.of(cell.payloadPageBytes) }
    let ours = try VarveSide(program: programs.varved, directory: directory.path, sets: sets)
    defer { ours.end() }
    let machine = Machine.this()
    lines = [
      .machine(
        processors: machine.processors, model: machine.model, load: machine.load, commit: commit)
    ]
    sides = [VarvePeer(ours)]
    defer { for side in sides { side.end() } }
    for candidate in PeerList(programs, directory.path, sets, cells).all(ours)
    where only.isEmpty || only.contains(candidate.name) {
      start(candidate)
    }
    for side in sides { note(side.name, side.configuration) }
    // All cells in each round: where time runs out, every cell has as many rounds, or one less.
    for round in 0..<rounds {
      for cell in cells {
        guard Date() < deadline else {
          Console.note("the time is over in round \(round + 1) of \(rounds), at \(cell.name)")
          return finished(cells)
        }
        Console.note("round \(round + 1) of \(rounds): \(cell.name)")
        measure(cell, round)
      }
    }
    return finished(cells)
  }

  private func finished(_ cells: [Cell]) -> [ResultLine] {
    let measured = lines.compactMap { if case .round(let round) = $0 { round } else { nil } }
    return lines + PeerDemands.figures(measured, cells).map { .figure($0) }
  }

  private func start(_ candidate: PeerList.Candidate) {
    Console.note("starting \(candidate.name)")
    do {
      sides.append(try candidate.start())
    } catch {
      let said = (error as? Failure)?.sentence ?? "\(error)"
      let cause = PeerList.installError(programs.venv, candidate.name).map { "; \($0)" } ?? ""
      note(candidate.name, candidate.about, error: said + cause)
    }
  }

  private func note(_ side: String, _ configuration: String, error: String? = nil) {
    // A bar would end the cell of a table; logs colour their lines.
    let text = error?.replacingOccurrences(of: "|", with: "/")
      .replacingOccurrences(of: "\u{1b}\\[[0-9;]*m", with: "", options: .regularExpression)
      .prefix(300)
    lines.append(
      .peer(
        Peer(
          bench: "peers", side: side, configuration: configuration, error: text.map(String.init))))
  }

  /// All sides. One that fails is told, and asked no more.
  private func measure(_ cell: Cell, _ round: Int) {
    for side in sides {
      do {
        let isJudged = PeerDemands.judged.contains(side.name)
        let sample = try side.round(cell, seconds: isJudged ? 2 * seconds : seconds)
        lines.append(
          .round(
            MeasuredRound(
              bench: "peers", cell: cell.name, side: side.name, round: round, sample: sample,
              isServed: side.isServed)))
      } catch {
        let said = (error as? Failure)?.sentence ?? "\(error)"
        note(side.name, side.configuration, error: "\(cell.name): \(said)")
        Console.note("\(side.name): \(said)")
        sides.removeAll { $0 === side }
        side.end()
      }
    }
  }
}
