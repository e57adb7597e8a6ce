// The command line of the daemon. Flags are read here and nowhere else; what they mean is the
// configuration table's.

import ArgumentParser
import Foundation
import VarveServer

@main
struct Varved: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "varved",
    abstract: "Keeps the KV cache of LLM inference on disk and serves it over TCP.",
    discussion: """
      Flags win over VARVE_KEY variables (key in upper case, dots to underscores), which win over \
      the file. Sizes are bytes, or a whole number with KiB, MiB, GiB or TiB.

      Exit codes: 0 stopped as asked, 1 failure, 2 usage or configuration, 3 data directory, \
      4 address in use.
      """)

  @Option(help: ArgumentHelp("Configuration file (TOML).", valueName: "file"))
  var config: String?

  @Option(help: ArgumentHelp("Directory of the store.", valueName: "dir"))
  var dataDir: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "HOST:PORT, [V6]:PORT or unix:PATH; may be given several times.", valueName: "addr"))
  var listen: [String] = []

  @Option(help: ArgumentHelp("Address of the HTTP port; empty for none.", valueName: "addr"))
  var http: String?

  @Option(help: ArgumentHelp("Most bytes the data directory may take.", valueName: "size"))
  var capacity: String?

  @Flag(help: "Check the configuration and exit.")
  var checkConfig = false

  @Flag(help: "Move what the data directory holds aside and begin with an empty store.")
  var startEmpty = false

  @Flag(help: "Print the version and exit.")
  var version = false

  static func main() {
    let command: Varved
    do {
      command = try Varved.parse()
    } catch {
      let isHelp = Varved.exitCode(for: error) == .success
      Daemon.say(Varved.fullMessage(for: error), to: isHelp ? STDOUT_FILENO : STDERR_FILENO)
      Foundation.exit(isHelp ? 0 : ExitCode.usage.rawValue)
    }
    if command.version {
      Daemon.say("varved \(Version.text)")
      Foundation.exit(0)
    }
    let configuration: ServerConfiguration
    do {
      configuration = try command.sources().merged()
    } catch {
      Daemon.fail(.usage, error.message)
    }
    if command.checkConfig {
      Daemon.say("varved: the configuration can be used", to: STDERR_FILENO)
      Foundation.exit(0)
    }
    Daemon.run(configuration, startEmpty: command.startEmpty)
  }

  private func sources() throws(ConfigurationProblem) -> ConfigurationSources {
    var sources = ConfigurationSources()
    sources.environment = ProcessInfo.processInfo.environment
    if let config {
      sources.filePath = config
      sources.file = try ConfigurationFile.read(config)
    }
    if !listen.isEmpty { sources.flags.append(("listen", .list(listen.map { .text($0) }))) }
    if let http { sources.flags.append(("http", .text(http))) }
    if let dataDir { sources.flags.append(("data_dir", .text(dataDir))) }
    if let capacity { sources.flags.append(("capacity", .text(capacity))) }
    return sources
  }
}
