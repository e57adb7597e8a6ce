// `varvebench peers`: the same operations against Redis, Valkey, memcached and others, in one run.

import ArgumentParser
import Foundation

struct PeersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "peers",
    abstract: "Put and get beside Redis, Valkey, memcached, LMCache, Mooncake, files and RocksDB.",
    discussion: """
      Everything listens on loopback and keeps its files in a temporary directory that is \
      removed at the end. Each peer is asked by the best client that could be written for it \
      and by the one its users use. Values are incompressible; XXH3-64 of each is computed \
      when it is sent and verified when it comes. 'make bench-peers-deps' installs the peers; \
      who is not there, or \
      does not run, is named with the reason.
      """)

  @Option(help: ArgumentHelp("The daemon to measure; else the one beside this.", valueName: "file"))
  var varved: String?

  @Option(help: ArgumentHelp("Where the temporary directory is made.", valueName: "dir"))
  var dir: String = NSTemporaryDirectory()

  @Option(help: ArgumentHelp("The peers' Python environment.", valueName: "dir"))
  var venv = ".build/peers-venv"

  @Option(help: ArgumentHelp("What drives their Python clients.", valueName: "file"))
  var driver = "Bench/peers/driver.py"

  @Option(help: ArgumentHelp("RocksDB's program ('make bench-rocks').", valueName: "file"))
  var rocks: String?

  @Option(help: "Rounds of each cell; the median is told, with least and most.")
  var rounds = 3

  @Option(help: "Seconds each measurement takes, about; twice that beside Redis and Valkey.")
  var seconds = 0.5

  @Option(help: "Begins no further round after so many minutes.")
  var minutes = 6.5

  @Option(help: ArgumentHelp("Only cells whose name holds this.", valueName: "text"))
  var only = ""

  @Option(help: ArgumentHelp("Only these peers: redis,valkey.", valueName: "names"))
  var sides = ""

  @OptionGroup var output: OutputOptions

  private var cells: [Cell] {
    PeersBench.cells.filter { only.isEmpty || $0.name.contains(only) }
  }

  func validate() throws {
    try RunBounds.check(rounds: rounds, seconds: seconds)
    guard minutes > 0, minutes <= 120 else {
      throw ValidationError("--minutes \(minutes) is not within 0 to 120")
    }
    guard !cells.isEmpty else {
      throw ValidationError(
        "--only \(only) fits none of \(PeersBench.cells.map(\.name).joined(separator: ", "))")
    }
  }

  func run() throws {
    let bench = try PeersBench(
      directory: dir,
      programs: PeersBench.Programs(
        varved: varved ?? NetCommand.besideThis(), venv: venv, driver: driver, rocks: rocks),
      rounds: rounds, seconds: seconds, minutesMax: minutes)
    defer { bench.remove() }
    try output.tell(
      try bench.run(
        cells, only: sides.split(separator: ",").map(String.init), commit: output.commit))
  }
}
