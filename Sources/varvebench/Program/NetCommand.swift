// `varvebench net`: GET, PUT and lookup through the framed path over loopback.

import ArgumentParser
import Foundation

struct NetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "net",
    abstract: "GET, PUT and lookup over loopback TCP, each beside its raw ceiling.",
    discussion: """
      Starts a varved and a raw server, both on loopback with their files in a temporary \
      directory that is removed at the end, and measures them in turn. Closed loop: a connection \
      asks again when it has its answer. Every page returned is verified.
      """)

  @Option(help: ArgumentHelp("The daemon to measure; else the one beside this.", valueName: "file"))
  var varved: String?

  @Option(help: ArgumentHelp("Where the temporary directory is made.", valueName: "dir"))
  var dir: String = NSTemporaryDirectory()

  @Option(help: "Rounds of each cell; the median is told, with least and most.")
  var rounds = 3

  @Option(help: "Seconds each measurement takes, about.")
  var seconds = 1.0

  @Option(help: ArgumentHelp("Only cells whose name holds this.", valueName: "text"))
  var only = ""

  @Flag(help: "JSON lines (every round, then every summary) instead of the table.")
  var json = false

  func validate() throws {
    guard (1...100).contains(rounds) else {
      throw ValidationError("--rounds \(rounds) is not within 1 to 100")
    }
    guard seconds > 0, seconds <= 60 else {
      throw ValidationError("--seconds \(seconds) is not within 0 to 60")
    }
    guard Cell.all.contains(where: { only.isEmpty || $0.name.contains(only) }) else {
      throw ValidationError(
        "--only \(only) fits none of \(Cell.all.map(\.name).joined(separator: ", "))")
    }
  }

  func run() throws {
    let cells = Cell.all.filter { only.isEmpty || $0.name.contains(only) }
    let bench = try NetBench(
      directory: dir, varved: varved ?? Self.besideThis(), rounds: rounds, seconds: seconds)
    defer { bench.remove() }
    let report = try bench.run(cells)
    Console.print(json ? try report.jsonLines() : report.table())
  }

  /// The daemon built together with this program.
  static func besideThis() -> String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("varved")
      .path
  }
}

/// The raw program of the comparison: a process of its own, so that its CPU time is its own.
struct RawServerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "raw-server", abstract: "The raw server that 'net' compares with.",
    shouldDisplay: false)

  @Option var file: String
  @Option var pageBytes: Int
  @Option var pages: Int

  func run() throws {
    let server = try RawServer(file: file, pageBytes: pageBytes, pageCount: pages)
    Console.print("listening on 127.0.0.1:\(server.port)")
    Console.print("direct \(server.isDirect)")
    Console.print("ready")
    try server.serve()
  }
}
