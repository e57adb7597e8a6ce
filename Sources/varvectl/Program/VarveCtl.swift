// The root of the commands.

import ArgumentParser

enum Tool {
  static let version = "0.1.0"
}

struct VarveCtl: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "varvectl",
    abstract: "Asks and tends varved, the KV-cache page store.",
    discussion: """
      Exit codes: 0 done, 1 error, 2 wrong use, 3 not found, 4 daemon unavailable, 5 corruption \
      found.

      Completions: 'varvectl --generate-completion-script bash' (or zsh, fish) prints what the \
      shell is to load.
      """,
    version: "varvectl \(Tool.version)",
    subcommands: [
      PingCommand.self, DoctorCommand.self, StatsCommand.self, SegmentsCommand.self,
      NamespaceCommand.self, LookupCommand.self, PutCommand.self, GetCommand.self,
      FlushCommand.self, CompactCommand.self, ScrubCommand.self, CapacityCommand.self,
      TunerCommand.self, DrainCommand.self, VerifyCommand.self, RebuildIndexCommand.self,
      DumpCommand.self, ReplayCommand.self,
    ])

  @OptionGroup var global: GlobalOptions
}
