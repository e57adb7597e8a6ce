// `varvebench engine`: get and put in process beside their ceilings and RocksDB with BlobDB.

import ArgumentParser
import Foundation

struct EngineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engine",
    abstract: "Get and put in this process beside raw programs, fio and RocksDB.",
    discussion: """
      Hot gets copy pages out of memory and verify them; cold gets read and verify them; puts \
      verify and write them. Files are in a temporary directory that is removed at the end, about \
      10 GiB with RocksDB. Results are JSON lines with --json, else the table made from them; \
      'varvebench table' makes it again from a file.
      """)

  @Option(help: ArgumentHelp("Where the temporary directory is made.", valueName: "dir"))
  var dir: String = NSTemporaryDirectory()

  @Option(help: ArgumentHelp("RocksDB's program ('make bench-rocks').", valueName: "file"))
  var rocks: String?

  @Option(help: "Rounds of each cell; the median is told, with least and most.")
  var rounds = 3

  @Option(help: "Seconds each measurement takes, about.")
  var seconds = 1.0

  @Option(help: ArgumentHelp("Only cells whose name holds this.", valueName: "text"))
  var only = ""

  @Option(help: ArgumentHelp("What was measured, for the record.", valueName: "commit"))
  var commit = ""

  @Flag(help: "JSON lines instead of the table.")
  var json = false

  func validate() throws {
    guard (1...100).contains(rounds) else {
      throw ValidationError("--rounds \(rounds) is not within 1 to 100")
    }
    guard seconds > 0, seconds <= 60 else {
      throw ValidationError("--seconds \(seconds) is not within 0 to 60")
    }
    guard EngineCell.all.contains(where: { only.isEmpty || $0.name.contains(only) }) else {
      throw ValidationError(
        "--only \(only) fits none of \(EngineCell.all.map(\.name).joined(separator: ", "))")
    }
  }

  func run() throws {
    let cells = EngineCell.all.filter { only.isEmpty || $0.name.contains(only) }
    let bench = try EngineBench(directory: dir, rocks: rocks, rounds: rounds, seconds: seconds)
    defer { bench.remove() }
    let lines = try bench.run(cells, commit: commit)
    Console.print(json ? try ResultLines.text(lines) : ResultTable(lines).markdown())
  }
}

/// `varvebench table`: from JSON lines to Markdown, and into a page between its marks.
struct TableCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "table", abstract: "Makes the tables of JSON lines again.",
    discussion: """
      With --into each table replaces what stands in the page between '<!-- results FILE -->' and \
      '<!-- end -->', FILE being the name of the file of lines.
      """)

  @Argument(help: ArgumentHelp("Files of JSON lines.", valueName: "file"))
  var files: [String]

  @Option(help: ArgumentHelp("The page whose tables are replaced.", valueName: "file"))
  var into: String?

  func run() throws {
    var page = try into.map(Self.read)
    for file in files {
      let table = ResultTable(try ResultLines.parse(try Self.read(file))).markdown()
      let name = URL(fileURLWithPath: file).lastPathComponent
      if let old = page {
        page = try Self.replaced(old, name: name, by: table)
      } else {
        Console.print(table)
      }
    }
    if let page, let into {
      do {
        try page.write(toFile: into, atomically: true, encoding: .utf8)
      } catch {
        throw Failure("\(into): \(error.localizedDescription)")
      }
    }
  }

  private static func read(_ path: String) throws -> String {
    do {
      return try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw Failure("\(path): \(error.localizedDescription)")
    }
  }

  /// The page with the table between the marks of `name`.
  static func replaced(_ page: String, name: String, by table: String) throws -> String {
    guard let begin = page.range(of: "<!-- results \(name) -->"),
      let end = page.range(of: "\n<!-- end -->", range: begin.upperBound..<page.endIndex)
    else { throw Failure("the page has no place for \(name)") }
    return page.replacingCharacters(in: begin.upperBound..<end.lowerBound, with: "\n" + table)
  }
}
