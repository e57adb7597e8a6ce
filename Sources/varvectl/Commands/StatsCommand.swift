// `varvectl stats`: what the daemon counts, once or again and again.

import ArgumentParser
import VarveClient

struct StatsCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Show the daemon's state and counters.",
    discussion: """
      With --watch a dashboard of hit rate, throughput, capacity, levels and namespaces is redrawn \
      until q is pressed; where the output is no terminal, a line is printed at each interval \
      (with --json, a JSON value).
      """)
  static let intervalSeconds = 0.1...3600

  @OptionGroup var global: GlobalOptions

  @Flag(help: "Show every segment of the log and every counter too.")
  var all = false

  @Flag(name: .shortAndLong, help: "Show a dashboard that is redrawn until q is pressed.")
  var watch = false

  @Option(help: ArgumentHelp("How often --watch asks.", valueName: "seconds"))
  var interval = 1.0

  @Option(help: "End --watch after so many answers.")
  var count: Int?

  func validate() throws {
    guard Self.intervalSeconds.contains(interval) else {
      throw ValidationError("--interval \(interval) is not within 0.1 and 3600 seconds")
    }
    guard (count ?? 1) >= 1 else { throw ValidationError("--count \(count ?? 0) is below 1") }
    guard watch || count == nil else { throw ValidationError("--count goes with --watch") }
    guard !(watch && all) else { throw ValidationError("--all does not go with --watch") }
  }

  func perform(_ console: Console) throws {
    if watch {
      var watch = try StatsWatch(global, intervalSeconds: interval, countMax: count)
      return try watch.run(console)
    }
    let report = StatsReport(try global.withClient { try $0.stats() })
    if global.json { return try console.print(try Json.text(report)) }
    try console.write(Array(report.text(all: all).utf8))
  }
}
