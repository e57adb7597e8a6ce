// The program behind `make flip` and `make restart`: figures about damage and recovery that need a
// release build. Its short forms are also run by the tests.

import ArgumentParser

@main
struct Faults: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "varvefaults", abstract: "Damages small stores and measures recovery.",
    subcommands: [FlipCommand.self, RestartCommand.self, GoldenCommand.self])
}

/// How a run ends: figures first, then the closing line.
struct Verdict {
  var passed = 0
  var failed = 0

  mutating func check(_ holds: Bool, _ what: @autoclosure () -> String) {
    if holds {
      passed += 1
    } else {
      failed += 1
      print("FAILED \(what())")
    }
  }

  func end() throws {
    print("\(passed) passed, \(failed) failed")
    if failed > 0 { throw ExitCode(1) }
  }
}

struct FlipCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flip", abstract: "Flip bits everywhere and see that no wrong byte is served.")

  @Option(help: "Flip every n-th bit of the metadata.")
  var every = 1

  @Option(help: "Random flips in payloads.")
  var payloadFlips = 1_000_000

  @Option(help: "Seed of what is random.")
  var seed: UInt64?

  @Flag(help: "Leave the checksum of pages unchecked: the run must fail.")
  var canary = false

  func run() throws {
    let seed = seed ?? .random(in: 0 ... .max)
    print("flip: seed \(seed), every \(every). bit of the metadata, \(payloadFlips) in payloads")
    var flips = FlipRun(seed: seed, every: every, payloadFlips: payloadFlips)
    try flips.run(canary: canary)
    try flips.verdict.end()
  }
}

struct RestartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart", abstract: "Time the start of a store of sealed segments.")

  @Option(help: "Sealed data, GB.")
  var gigabytes = 100

  @Option(help: "Bytes of a page.")
  var pageBytes = 1 << 20

  @Argument(help: "An empty directory; the files in it are sparse.")
  var directory: String

  func run() throws {
    let figure = try RestartFigure(
      directory: directory, gigabytes: gigabytes, pageBytes: pageBytes)
    var verdict = Verdict()
    try figure.run(&verdict)
    try verdict.end()
  }
}

struct GoldenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "golden", abstract: "Write a golden directory of the format of now.")

  @Argument(help: "A directory that does not exist yet.")
  var directory: String

  func run() throws { try GoldenStore.write(to: directory) }
}
