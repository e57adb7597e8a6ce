// The harnesses that take minutes, as a program of their own: `make crash`, `make torture`,
// `make metamorphic` run it in release.

import ArgumentParser
import VarveTorture

@main
struct Torture: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "varvetorture",
    abstract: "Crashes, faults and option sets against the engine, by seed.",
    subcommands: [CrashCommand.self, FaultCommand.self, MetamorphicCommand.self])
}
