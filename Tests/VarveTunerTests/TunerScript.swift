// Commands of `Golden/tuner.txt`. A file is one story: blocks go on where the block before ended.
//
//   new [mode=M] [prices=flash] [memtable=B bits=N]
//                                     a tuner and an index, both at T 4, K 3, Z 1; memtable and
//                                     filter bits held at what is given
//   index pages=N cache=B             what the index is from here on
//   run LOAD xN                       N windows of a load that follow the model
//   count xN NAME=DELTA …             N windows with these counters, as recorded
//   take [mode=M] [NAME=VALUE …] [auto:NAME …]     an operator's wish
//   status | history

import Testing

@testable import VarveTuner

struct TunerScript {
  private var index = SampleIndex(Samples.setting)
  private var tuner = Tuner(knobs: Samples.knobs, setting: Samples.setting)
  private var counted = TunerObservation()
  private var clock = 0.0

  mutating func run(_ lines: [Substring]) throws -> String {
    var text = ""
    for line in lines { text += try command(line.split(separator: " ").map(String.init)) }
    return text.isEmpty ? "nothing\n" : text
  }

  private mutating func command(_ words: [String]) throws -> String {
    switch words[0] {
    case "new": return try make(words)
    case "index":
      for (name, value) in try numbers(words) {
        switch name {
        case "pages": index.scale.pages = value
        case "cache": index.scale.cacheBytes = value
        default: Issue.record("what is \(name)?")
        }
      }
      return ""
    case "run":
      let load = try #require(
        ["puts": SampleLoad.puts, "probes": .probes, "mixed": .mixed][words[1]])
      return try repeated(words[2]) { script in script.index.run(load) }
    case "count":
      let deltas = try numbers(Array(words.dropFirst()))
      return try repeated(words[1]) { script in
        try script.add(deltas)
        return script.counted
      }
    case "take": return try take(words)
    case "status": return status()
    case "history": return tuner.history.decisions.map(Self.line).joined()
    default:
      Issue.record("no command \(words)")
      return ""
    }
  }

  private mutating func make(_ words: [String]) throws -> String {
    var mode = TunerMode.auto
    var prices = Prices.bytes(blockBytes: 16_384)
    var setting = Samples.setting
    var knobs = Samples.knobs
    for word in words.dropFirst() {
      if word == "prices=flash" { prices = .flash }
      if word.hasPrefix("memtable=") {
        setting[.memtableBytes] = try #require(Double(word.dropFirst(9)))
        knobs = Knob.ofIndex(memtableBytes: setting[.memtableBytes]...setting[.memtableBytes])
      }
      if word.hasPrefix("bits=") {
        let bits: Double = try #require(Double(word.dropFirst(5)))
        setting[.filterBits] = bits
        knobs = knobs.map { $0.name == .filterBits ? $0.within(bits...bits) : $0 }
      }
      if word.hasPrefix("mode=") {
        mode = try #require(TunerMode(rawValue: String(word.dropFirst(5))))
      }
    }
    self = TunerScript()
    index.prices = prices
    tuner = Tuner(knobs: knobs, setting: setting, mode: mode, prices: prices)
    return ""
  }

  private mutating func repeated(
    _ word: String, _ window: (inout TunerScript) throws -> TunerObservation
  ) throws -> String {
    let count = try #require(Int(word.dropFirst()))
    var text = ""
    for _ in 0..<count {
      clock += 10
      let before = tuner.history.decisions
      let moved = tuner.observe(try window(&self), atUnix: clock)?.setting
      for decision in tuner.history.decisions where !before.contains(decision) {
        text += "window \(tuner.windowCount): " + Self.line(decision)
      }
      if let moved { index.setting = moved }
    }
    return text
  }

  private mutating func add(_ deltas: [(String, Double)]) throws {
    for (name, value) in deltas {
      let amount = UInt64(value)
      switch name {
      case "absent": counted.absentPages += amount
      case "present": counted.presentPages += amount
      case "looked": counted.lookupPages += amount
      case "put": counted.putPages += amount
      case "reads": counted.blockReads += amount
      case "hits": counted.blockHits += amount
      case "false": counted.falsePasses += amount
      case "flushed": counted.flushedBytes += amount
      case "mread": counted.mergeReadBytes += amount
      case "mwritten": counted.mergeWrittenBytes += amount
      case "pages": counted.indexPages = amount
      case "live": counted.livePages = amount
      case "bytes": counted.indexBytes = amount
      case "cache": counted.cacheBytes = amount
      case "entry": counted.memtableBytesPerPage = value
      case "unit": counted.unitBytesPerMemtableByte = value
      default: Issue.record("what is \(name)?")
      }
    }
  }

  private mutating func take(_ words: [String]) throws -> String {
    var request = Tuner.Request()
    for word in words.dropFirst() {
      if word.hasPrefix("auto:") {
        request.automatic.append(try #require(KnobName(rawValue: String(word.dropFirst(5)))))
        continue
      }
      let pair = word.split(separator: "=").map(String.init)
      if pair[0] == "mode" {
        let mode: TunerMode = try #require(TunerMode(rawValue: pair[1]))
        request.mode = mode
      } else {
        let value: Double = try #require(Double(pair[1]))
        request.manual[try #require(KnobName(rawValue: pair[0]))] = value
      }
    }
    do {
      if let moved = try tuner.take(request, atUnix: clock) { index.setting = moved }
      return ""
    } catch {
      return "refused: \(error)\n"
    }
  }

  private func numbers(_ words: [String]) throws -> [(String, Double)] {
    try words.dropFirst().map { word in
      let pair = word.split(separator: "=")
      return (String(pair[0]), try #require(Double(pair[1])))
    }
  }

  private func status() -> String {
    var text = "mode \(tuner.mode.rawValue) drift \(Text.fixed(tuner.drift.distance, 3))\n"
    for knob in tuner.knobs {
      text += "\(knob.name.rawValue) \(Text.number(tuner.setting[knob.name]))"
      text += knob.isManual ? " manual" : ""
      text += tuner.reasons[knob.name].map { ": \($0)\n" } ?? "\n"
    }
    return text
  }

  private static func line(_ decision: TunerDecision) -> String {
    "\(decision.id) \(decision.knob.rawValue) \(Text.number(decision.from)) to "
      + "\(Text.number(decision.to)) \(decision.verdict.rawValue), expected "
      + "\(Text.percent(decision.predictedGain)), measured \(Text.percent(decision.measuredGain)): "
      + "\(decision.reason)\n"
  }
}
