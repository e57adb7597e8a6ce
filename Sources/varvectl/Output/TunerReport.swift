// The tuner's state and decisions as varvectl shows them: JSON keys are the names of `varve.proto`.

import Foundation
import VarveWire

struct TunerReport: Encodable {
  struct KnobReport: Encodable {
    let name: String
    let value: Double
    let min: Double
    let max: Double
    let manual: Bool
    let reason: String
  }

  let mode: String
  let knobs: [KnobReport]
  let window: [String: Double]
  let drift: Double

  init(_ status: TunerStatusResponse) {
    mode = status.mode
    knobs = status.knobs.map {
      KnobReport(
        name: $0.name, value: $0.value, min: $0.min, max: $0.max, manual: $0.manual,
        reason: $0.reason)
    }
    window = status.window
    drift = status.drift
  }

  func print(_ console: Console, json: Bool) throws(Failure) {
    if json { return try console.print(try Json.text(self)) }
    try console.print("mode \(mode.printable)")
    guard !knobs.isEmpty else { return }
    var table = Table([
      ("KNOB", .left), ("VALUE", .right), ("LEAST", .right), ("MOST", .right), ("WHY", .left),
    ])
    for knob in knobs {
      let isBytes = knob.name.hasSuffix("_bytes")
      let numbers = [knob.value, knob.min, knob.max].map { Self.text($0, isBytes: isBytes) }
      table.add([knob.name.printable] + numbers + [knob.reason.printable])
    }
    try console.write(Array(table.text.utf8))
  }

  static func text(_ value: Double, isBytes: Bool = false) -> String {
    guard let whole = UInt64(exactly: value) else { return Numbers.fixed(value, 3) }
    return isBytes ? ByteSize.text(whole) : Numbers.grouped(whole)
  }
}

struct TunerDecisionReport: Encodable {
  let id: UInt64
  let atUnix: Double
  let knob: String
  let from: Double
  let to: Double
  let predictedGain: Double
  let measuredGain: Double
  let verdict: String
  let reason: String

  init(_ decision: TunerDecision) {
    id = decision.id
    atUnix = decision.atUnix
    knob = decision.knob
    from = decision.from
    to = decision.to
    predictedGain = decision.predictedGain
    measuredGain = decision.measuredGain
    verdict = decision.verdict
    reason = decision.reason
  }

  static func table(_ decisions: [TunerDecisionReport]) -> String {
    var table = Table([
      ("ID", .right), ("AT", .left), ("KNOB", .left), ("FROM", .right), ("TO", .right),
      ("PREDICTED", .right), ("MEASURED", .right), ("VERDICT", .left), ("WHY", .left),
    ])
    for decision in decisions {
      table.add([
        "\(decision.id)", Date(timeIntervalSince1970: decision.atUnix).ISO8601Format(),
        decision.knob.printable, TunerReport.text(decision.from), TunerReport.text(decision.to),
        Numbers.fixed(100 * decision.predictedGain, 1) + " %",
        Numbers.fixed(100 * decision.measuredGain, 1) + " %", decision.verdict.printable,
        decision.reason.printable,
      ])
    }
    return table.text
  }
}
