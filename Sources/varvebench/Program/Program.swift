// Where the process begins. `varvebench` measures varved beside a raw program that moves the same
// bytes with the same checks, in the same run: only their ratio survives a noisy machine.

import ArgumentParser
import Foundation

@main
struct VarveBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "varvebench",
    abstract: "Measures varved beside raw programs doing the same.",
    discussion: "Exit codes: 0 measured, 1 failed, 2 wrong use.",
    version: "varvebench 0.1.0",
    subcommands: [
      NetCommand.self, PeersCommand.self, EngineCommand.self, IndexCommand.self,
      TunerBenchCommand.self,
      TableCommand.self, FingerprintCommand.self, RawServerCommand.self,
    ])

  static func main() {
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      Console.note("varvebench: \(failure.sentence)")
      Foundation.exit(1)
    } catch {
      let isHelp = exitCode(for: error) == .success
      let text = fullMessage(for: error)
      if isHelp { Console.print(text) } else { Console.note(text) }
      Foundation.exit(isHelp ? 0 : 2)
    }
  }
}

/// Why a run ended without figures.
struct Failure: Error, Hashable {
  let sentence: String

  init(_ sentence: String) { self.sentence = sentence }
}
