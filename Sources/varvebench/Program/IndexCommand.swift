// `varvebench index`: the index's figures at many pages.

import ArgumentParser
import Foundation

struct IndexCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index",
    abstract: "What look-ups read and cost, what the index keeps in memory and writes.",
    discussion: """
      Puts pages of 256 bytes (10 million take about 6 GiB of disk and some minutes), then counts \
      what cold and warm look-ups read, and holds each figure to its bound. Exit code 0 whether \
      they are met or not: the table says.
      """)

  @Option(help: ArgumentHelp("Where the temporary directory is made.", valueName: "dir"))
  var dir: String = NSTemporaryDirectory()

  @Option(help: "Pages stored.")
  var pages = 10_000_000

  @Option(help: "Look-ups for each figure.")
  var probes = 1000

  @Option(help: ArgumentHelp("What was measured, for the record.", valueName: "commit"))
  var commit = ""

  @Flag(help: "JSON lines instead of the table.")
  var json = false

  func validate() throws {
    guard (1...1_000_000_000).contains(pages) else {
      throw ValidationError("--pages \(pages) is not within 1 to 1000000000")
    }
    guard (1...1_000_000).contains(probes) else {
      throw ValidationError("--probes \(probes) is not within 1 to 1000000")
    }
  }

  func run() throws {
    let bench = try IndexBench(directory: dir, pages: pages, probes: probes)
    defer { bench.remove() }
    let lines = try bench.run(commit: commit)
    Console.print(json ? try ResultLines.text(lines) : ResultTable(lines).markdown())
  }
}
