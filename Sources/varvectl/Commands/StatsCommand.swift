// `varvectl stats`: what the daemon counts.

import ArgumentParser
import VarveClient

struct StatsCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Show the daemon's state and counters.")

  @OptionGroup var global: GlobalOptions

  @Flag(help: "Show every segment of the log and every counter too.")
  var all = false

  func perform(_ console: Console) throws {
    let report = StatsReport(try global.withClient { try $0.stats() })
    if global.json { return try console.print(try Json.text(report)) }
    try console.write(Array(report.text(all: all).utf8))
  }
}
