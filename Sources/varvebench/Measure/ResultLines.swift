// Results as JSON lines: every round of every side, and single figures with what they are to be.
// Tables are made from these lines alone, in the run that measured or later from a file.

import Foundation

/// One line of results.
enum ResultLine: Equatable {
  case machine(processors: Int, model: String, load: Double, commit: String)
  case round(MeasuredRound)
  case figure(Figure)
  case peer(Peer)
  case tunerRun(TunerRunLine)
  case tunerPhase(TunerPhaseLine)
  case rankCorrelation(RankCorrelationLine)
}

/// One round of one side of a cell.
struct MeasuredRound: Codable, Equatable {
  var kind = "round"
  let bench: String
  let cell: String
  let side: String
  let round: Int
  let calls: Int
  let bytes: Int
  let pages: Int
  let seconds: Double
  /// Of the process that asks: of the one that does all where nothing is served.
  let cpuSeconds: Double
  /// Of the process that serves; nil: nothing is served.
  var serverCpuSeconds: Double?
  var latencyMicros: Percentiles?
  var firstByteMicros: Percentiles?
  /// Calls a second that were due; nil: a closed loop.
  var rate: Double?
  var unserved: Int?
  var pressure: Pressure?

  init(
    bench: String, cell: String, side: String, round: Int, sample: Sample, isServed: Bool = false,
    rate: Double? = nil
  ) {
    self.bench = bench
    self.cell = cell
    self.side = side
    self.round = round
    (calls, bytes, pages) = (sample.calls, sample.bytes, sample.pages)
    (seconds, cpuSeconds) = (sample.seconds, sample.clientCPU)
    if isServed { serverCpuSeconds = sample.serverCPU }
    (latencyMicros, pressure) = (sample.latency, sample.pressure)
    firstByteMicros = sample.firstByte
    self.rate = rate
    if rate != nil { unserved = sample.unserved }
  }

  var megabytesPerSecond: Double { Double(bytes) / 1e6 / seconds }
  var pagesPerSecond: Double { Double(pages) / seconds }
  var cpuPerGiB: Double { cpuSeconds / gibibytes }
  var serverCPUPerGiB: Double? { serverCpuSeconds.map { $0 / gibibytes } }
  /// Pages where no payload travels.
  var workPerSecond: Double { bytes > 0 ? megabytesPerSecond : pagesPerSecond }

  private var gibibytes: Double { Double(bytes) / 1_073_741_824 }
}

/// A side that is compared with: what it is and how it was set up, or why it did not run.
struct Peer: Codable, Equatable {
  var kind = "peer"
  let bench: String
  let side: String
  let configuration: String
  var error: String?
}

/// A number that was counted or measured, and the bound it is held to.
struct Figure: Codable, Equatable {
  var kind = "figure"
  let bench: String
  let name: String
  let value: Double
  let unit: String
  /// What it must not pass; nil: told for itself.
  var most: Double?
  /// What it must reach.
  var least: Double?
  var note = ""

  var isMet: Bool? {
    if most == nil, least == nil { return nil }
    return value <= most ?? .infinity && value >= least ?? -.infinity
  }
}

private struct MachineLine: Codable {
  var kind = "machine"
  let processors: Int
  let model: String
  let load: Double
  let commit: String
}

private struct KindLine: Codable { let kind: String }

enum ResultLines {
  private static func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  static func text(_ lines: [ResultLine]) throws -> String {
    let encoder = encoder()
    return try lines.map { line in
      let data =
        switch line {
        case .round(let round): try encoder.encode(round)
        case .figure(let figure): try encoder.encode(figure)
        case .peer(let peer): try encoder.encode(peer)
        case .tunerRun(let run): try encoder.encode(run)
        case .tunerPhase(let phase): try encoder.encode(phase)
        case .rankCorrelation(let correlation): try encoder.encode(correlation)
        case .machine(let processors, let model, let load, let commit):
          try encoder.encode(
            MachineLine(processors: processors, model: model, load: load, commit: commit))
        }
      return String(decoding: data, as: UTF8.self)
    }.joined(separator: "\n")
  }

  static func parse(_ text: String) throws -> [ResultLine] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try text.split(separator: "\n").enumerated().map { number, line in
      let data = Data(line.utf8)
      do {
        switch try decoder.decode(KindLine.self, from: data).kind {
        case "round": return .round(try decoder.decode(MeasuredRound.self, from: data))
        case "figure": return .figure(try decoder.decode(Figure.self, from: data))
        case "peer": return .peer(try decoder.decode(Peer.self, from: data))
        case "machine":
          let said = try decoder.decode(MachineLine.self, from: data)
          return .machine(
            processors: said.processors, model: said.model, load: said.load, commit: said.commit)
        case "tuner_run": return .tunerRun(try decoder.decode(TunerRunLine.self, from: data))
        case TunerPhaseLine.ofShape, TunerPhaseLine.ofTuner:
          return .tunerPhase(try decoder.decode(TunerPhaseLine.self, from: data))
        case "rank_correlation":
          return .rankCorrelation(try decoder.decode(RankCorrelationLine.self, from: data))
        case let kind: throw Failure("line \(number + 1): kind \(kind) is not known")
        }
      } catch let failure as Failure {
        throw failure
      } catch {
        throw Failure("line \(number + 1) is no line of results: \(error)")
      }
    }
  }
}
