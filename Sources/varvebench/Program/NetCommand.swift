// `varvebench net`: GET, PUT and lookup through the framed path over loopback.

import ArgumentParser
import Foundation
import VarveServer

struct NetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "net",
    abstract: "GET, PUT and lookup over loopback TCP, each beside its raw ceiling.",
    discussion: """
      Starts a varved and raw servers, all on loopback with their files in a temporary directory \
      that is removed at the end, and measures them in turn. Closed loop: a connection asks again \
      when it has its answer. Open loop (--rate): calls are due at times of their own, and their \
      time begins then. Every page returned is verified. A cell of one's own takes the place of \
      the usual ones: --operation put --page-bytes 256KiB --batch 64 --connections 8.
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

  @OptionGroup(title: "A cell of one's own") var own: CellOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try RunBounds.check(rounds: rounds, seconds: seconds)
    if try own.cell() != nil {
      guard only.isEmpty else { throw ValidationError("--only chooses among the usual cells") }
      return
    }
    guard Cell.all.contains(where: { only.isEmpty || $0.name.contains(only) }) else {
      throw ValidationError(
        "--only \(only) fits none of \(Cell.all.map(\.name).joined(separator: ", "))")
    }
  }

  func run() throws {
    let cells =
      try own.cell().map { [$0] } ?? Cell.all.filter { only.isEmpty || $0.name.contains(only) }
    let bench = try NetBench(
      directory: dir, varved: varved ?? Self.besideThis(), rounds: rounds, seconds: seconds)
    defer { bench.remove() }
    try output.tell(try bench.run(cells, commit: output.commit))
  }

  /// The daemon built together with this program.
  static func besideThis() -> String {
    let own = (try? BenchDirectory.ownProgram()) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("varved")
      .path
  }
}

/// A cell as a user describes it.
struct CellOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "get-hot, get-cold, put, lookup, lookup-exact, lookup-ahead, mix or lookup-under-bulk.",
      valueName: "name"))
  var operation: String?

  @Option(help: ArgumentHelp("4KiB to 16MiB; else 1MiB, of look-ups 4KiB.", valueName: "size"))
  var pageBytes: String?

  @Option(help: ArgumentHelp("Pages a call; else 32, of look-ups 512.", valueName: "pages"))
  var batch: Int?

  @Option(help: ArgumentHelp("1 to 256; else 1.", valueName: "count"))
  var connections: Int?

  @Option(
    help: ArgumentHelp(
      "Shares of a hundred: get=70,put=10,lookup=20. Its operation is mix.", valueName: "shares"))
  var mix: String?

  @Option(
    help: ArgumentHelp(
      "Open loop: calls a second, all connections together; of lookup-under-bulk 500.",
      valueName: "calls"))
  var rate: Double?

  /// nil where nothing was asked for.
  func cell() throws -> Cell? {
    guard
      operation != nil || pageBytes != nil || batch != nil || connections != nil || mix != nil
        || rate != nil
    else { return nil }
    let name = operation ?? (mix == nil ? "get-hot" : "mix")
    guard let operation = Cell.Operation(rawValue: name) else {
      throw ValidationError(
        "--operation \(name) is none of "
          + Cell.Operation.allCases.map(\.rawValue).joined(separator: ", "))
    }
    guard (operation == .mix) == (mix != nil) else {
      throw ValidationError("--mix and --operation mix go together")
    }
    let shares = try mix.map { text in
      guard let shares = Mix(text) else {
        throw ValidationError("--mix \(text) is not like get=70,put=10,lookup=20, 100 in all")
      }
      return shares
    }
    let bytes = try size(operation)
    let pages = try within(
      batch ?? (operation.isLookup ? 512 : 32), Cell.pagesRange, "--batch")
    let count = try within(connections ?? 1, Cell.connectionsRange, "--connections")
    guard operation.isLookup || bytes * pages <= Cell.callBytesMax else {
      throw ValidationError(
        "a call of \(bytes * pages) bytes is over \(ByteSize.text(UInt64(Cell.callBytesMax)))")
    }
    if let rate, !(rate > 0 && rate <= 1e6) {
      throw ValidationError("--rate \(rate) is not within 0 to a million")
    }
    return Cell(
      operation, bytes, pages, connections: count,
      rate: rate ?? (operation == .lookupUnderBulk ? 500 : nil), mix: shares)
  }

  private func size(_ operation: Cell.Operation) throws -> Int {
    guard let pageBytes else {
      return operation.isLookup ? Cell.lookupPageBytes : Cell.pageBytesLarge
    }
    guard let bytes = ByteSize.parse(pageBytes).flatMap({ Int(exactly: $0) }),
      Cell.pageBytesRange.contains(bytes), bytes % 4096 == 0
    else {
      throw ValidationError("--page-bytes \(pageBytes) is not 4KiB to 16MiB in steps of 4KiB")
    }
    return bytes
  }

  private func within(_ value: Int, _ range: ClosedRange<Int>, _ option: String) throws -> Int {
    guard range.contains(value) else {
      throw ValidationError(
        "\(option) \(value) is not within \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }
}

enum RunBounds {
  static func check(rounds: Int, seconds: Double) throws {
    guard (1...100).contains(rounds) else {
      throw ValidationError("--rounds \(rounds) is not within 1 to 100")
    }
    guard seconds > 0, seconds <= 60 else {
      throw ValidationError("--seconds \(seconds) is not within 0 to 60")
    }
  }
}

/// How results are told.
struct OutputOptions: ParsableArguments {
  @Flag(help: "JSON lines (every round of every side) instead of the table.")
  var json = false

  @Option(help: ArgumentHelp("Where the JSON lines are written too.", valueName: "file"))
  var results: String?

  @Option(help: ArgumentHelp("What was measured, for the record.", valueName: "commit"))
  var commit = ""

  func tell(_ lines: [ResultLine]) throws {
    let text = try ResultLines.text(lines)
    if let results {
      do {
        try (text + "\n").write(toFile: results, atomically: true, encoding: .utf8)
      } catch {
        throw Failure("\(results): \(error.localizedDescription)")
      }
    }
    Console.print(json ? text : ResultTable(lines).markdown())
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
  @Option var coldCopies = RawServer.coldCopies
  @Option var loops = 0

  func run() throws {
    let server = try RawServer(
      file: file, pageBytes: pageBytes, pageCount: pages, coldCopies: coldCopies)
    Console.print("listening on 127.0.0.1:\(server.port)")
    Console.print("direct \(server.isDirect)")
    Console.print("ready")
    try server.serve(loops: loops)
  }
}
