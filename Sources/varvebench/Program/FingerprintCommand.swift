// `varvebench fingerprints`: what a probe of the fingerprint table costs.

import ArgumentParser
import Foundation

struct FingerprintCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fingerprints",
    abstract: "Probes of the fingerprint table beside a C loop of prefetched random reads.",
    discussion: """
      CPU nanoseconds a probe on one thread: the loop over as much memory as the table takes, then \
      the table, with names that are there and names that are not, and from page ids on.
      """,
    shouldDisplay: false)

  @Option(help: ArgumentHelp("Pages in the table.", valueName: "n"))
  var pages: [Int] = [1_000_000, 10_000_000]

  @Option(help: "Pages of a probe.")
  var probe = 512

  @Option(help: "Rounds; the median is told, with least and most.")
  var rounds = 5

  @Flag(help: "JSON lines, one a round, instead of the table.")
  var json = false

  func validate() throws {
    guard (1...100).contains(rounds), (1...131_072).contains(probe) else {
      throw ValidationError("--rounds is 1 to 100, --probe 1 to 131072")
    }
    guard pages.allSatisfy({ (1000...1_000_000_000).contains($0) }) else {
      throw ValidationError("--pages is 1000 to 1000000000")
    }
  }

  func run() throws {
    for pages in pages {
      let bench = try FingerprintBench(pages: pages, probePages: probe)
      let results = (0..<rounds).map { bench.round(UInt64($0)) }
      if json {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        for result in results {
          Console.print(String(decoding: try encoder.encode(result), as: UTF8.self))
        }
      } else {
        for line in Self.table(results) { Console.print(line) }
      }
    }
  }

  private static func table(_ results: [FingerprintRound]) -> [String] {
    guard let first = results.first else { return [] }
    let bytes = Double(first.tableBytes) / Double(first.pages)
    func row(_ name: String, _ value: (FingerprintRound) -> Double) -> String {
      let nanos = results.map { value($0) / Double($0.probePages) }.sorted()
      let ratios = results.map { value($0) / $0.loopNanos }.sorted()
      let middle = results.count / 2
      func text(_ number: Double) -> String { String(format: "%.2f", number) }
      return "| \(name) | \(text(nanos[middle])) | \(text(ratios[middle])) "
        + "(\(text(ratios[0])) to \(text(ratios[results.count - 1]))) |"
    }
    return [
      "\(first.pages) pages, \(String(format: "%.2f", bytes)) bytes a page, "
        + "\(String(format: "%.0f", first.insertNanosPerPage)) ns an insert, "
        + "false: \(results.map(\.falsePerMillion).max() ?? 0) probes in a million pages",
      "| probe of \(first.probePages) | ns a page | of the loop |", "|---|---|---|",
      row("C loop") { $0.loopNanos }, row("present") { $0.presentNanos },
      row("absent") { $0.absentNanos }, row("present, from ids") { $0.fromIDsNanos },
    ]
  }
}
