// `varvebench tuner`: the tuner against shapes that stand still, in counted blocks and bytes.

import ArgumentParser
import Foundation
import VarveBase
import VarveEngine
import VarveTuner

struct TunerBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tuner",
    abstract: "The tuner against every static shape, and its cost model against the counts.",
    discussion: """
      Runs a whole engine in memory on one thread, so that a seed gives the same counts. \
      A store is filled until its oldest pages leave, then goes through put-heavy, probe-heavy, \
      mixed and put-heavy load: once with each static shape, once with the tuner on, which begins \
      at the default shape. Cost is bytes: table bytes written and read by flushes and merges, and \
      16 KiB for every index block read by a call.
      """)

  @Option(help: "Pages the store holds when it is full.")
  var pages = 60_000

  @Option(help: "Windows of each phase.")
  var windows = 60

  @Option(help: "Pages handled in a put-heavy window.")
  var windowPages = 4_000

  @Option(help: "Memory of filters, block indexes and blocks, in KiB.")
  var cacheKib = 1_536

  @Option(help: "Bits a name that filters have.")
  var filterBits = 10.0

  @Flag(inversion: .prefixedNo, help: "Whether memory knows every page by its fingerprint.")
  var fingerprints = true

  @Option(help: "Seed of the load.")
  var seed: UInt64 = 1

  @Option(help: "Only the first so many static shapes.")
  var shapes = TunerBench.shapes.count

  @Option(
    help: ArgumentHelp("The shape that the tuner begins with.", valueName: "T,K,Z"),
    transform: shape)
  var begin = IndexShape()

  @Flag(help: "The tuner only observes: the shape that it begins with stands still, as others do.")
  var observe = false

  @Option(
    help: ArgumentHelp(
      "Take the static shapes from the JSON lines of an earlier run of the same sizes.",
      valueName: "file"))
  var statics: String?

  @Option(
    help: ArgumentHelp(
      "Write what each window of the tuner's run counted, as the golden tests read it.",
      valueName: "file"))
  var record: String?

  @Flag(help: "JSON lines instead of the table.")
  var json = false

  @Flag(help: "Tell the tuner's decisions, and the model's estimates.")
  var explain = false

  func validate() throws {
    guard (1_000...100_000_000).contains(pages) else {
      throw ValidationError("--pages \(pages) is not within 1,000 to 100,000,000")
    }
    guard windows > 0, windowPages >= 1_000, (64...1 << 26).contains(cacheKib) else {
      throw ValidationError("--windows, --window-pages (1,000) or --cache-kib (64) are too small")
    }
    guard (0...Limits.filterBitsPerNameMax).contains(filterBits) else {
      throw ValidationError(
        "--filter-bits \(filterBits) is not within 0 to \(Limits.filterBitsPerNameMax)")
    }
    guard (0...TunerBench.shapes.count).contains(shapes) else {
      throw ValidationError("--shapes \(shapes): there are \(TunerBench.shapes.count)")
    }
  }

  func run() throws {
    var scale = BenchScale()
    scale.pages = pages
    scale.cacheBytes = cacheKib << 10
    scale.filterBits = filterBits
    scale.hasFingerprints = fingerprints
    let run = TunerRun(
      scale: scale, phases: BenchLoad.phases, windows: windows, windowPages: windowPages,
      seed: seed)
    let bench = TunerBench(run: run)
    var report = TunerBenchReport(run: run)
    let clock = ContinuousClock()
    if let statics {
      report.rows = try bench.statics(
        from: ResultLines.parse(String(contentsOfFile: statics, encoding: .utf8)))
    } else {
      report.rows = try bench.statics(Array(TunerBench.shapes.prefix(shapes))) { row in
        Console.note("\(row.shape.name): \(row.phases.map { $0.cost.total.rounded() })")
      }
    }
    let started = clock.now
    var counts: [String] = []
    let tuned = try run.tuned(begin, mode: observe ? .observe : .auto) {
      counts.append(WindowRecord.line(from: $0, to: $1))
    }
    if let record {
      try (counts.joined(separator: "\n") + "\n").write(
        toFile: record, atomically: true, encoding: .utf8)
    }
    Console.note("tuner: \(tuned.phases.map { $0.cost.total.rounded() }) in \(clock.now - started)")
    if observe {
      report.rows.append(TunerBench.Row(shape: begin, phases: tuned.phases))
    } else {
      report.tuned = tuned.phases
    }
    report.searches = tuned.phases.first.flatMap(bench.searches)
    report.correlations = bench.correlations(report.rows)
    let lines = report.lines()
    Console.print(json ? try ResultLines.text(lines) : ResultTable(lines).markdown())
    if explain { tell(tuned.tuner, report, bench) }
  }

  private static func shape(_ text: String) throws -> IndexShape {
    let numbers = text.split(separator: ",").compactMap { Int($0) }
    guard numbers.count == 3 else { throw ValidationError("\(text) is not T,K,Z") }
    let shape = IndexShape(
      sizeRatio: numbers[0], innerRunsMax: numbers[1], lastRunsMax: numbers[2])
    if let problem = shape.problem { throw ValidationError(problem) }
    return shape
  }

  private func tell(_ tuner: Tuner, _ report: TunerBenchReport, _ bench: TunerBench) {
    let rows = report.rows
    for decision in tuner.history.decisions {
      Console.note(
        "\(decision.id) at \(decision.atUnix) \(decision.knob.rawValue) \(decision.from) to "
          + "\(decision.to) \(decision.verdict.rawValue): \(decision.reason)")
    }
    if let searches = report.searches, let most = searches.micros.last {
      Console.note(
        String(
          format: "a search of %d settings: %.0f µs of processor time, at most %.0f",
          searches.tried, searches.median, most))
    }
    for phase in bench.run.phases.indices {
      for (row, said) in zip(rows, bench.predictions(rows, phase: phase)) {
        let cost = row.phases[phase].cost
        Console.note(
          String(
            format: "%@ %@: reads a page %.4f said %.4f, bytes a page put %.0f said %.0f",
            bench.run.phases[phase].name, row.shape.name, cost.readsPerPage,
            said.readNanos / BenchCost.blockBytes, cost.bytesPerPut, said.writeNanos))
      }
    }
  }
}
