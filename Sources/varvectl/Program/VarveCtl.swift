// The root of the commands.

import ArgumentParser

struct VarveCtl: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "varvectl",
    abstract: "Asks and tends varved, the KV-cache page store.",
    discussion: """
      Exit codes: 0 done, 1 error, 2 wrong use, 3 not found, 4 daemon unavailable, 5 corruption \
      found.
      """,
    version: "varvectl 0.1.0",
    subcommands: [
      PingCommand.self, StatsCommand.self, LookupCommand.self, PutCommand.self, GetCommand.self,
      NamespaceCommand.self, FlushCommand.self, CompactCommand.self, VerifyCommand.self,
      RebuildIndexCommand.self, DumpCommand.self,
      ReplayCommand.self,
    ])

  @OptionGroup var global: GlobalOptions
}
