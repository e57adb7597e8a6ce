// A small index that exists only as numbers, for tests that need the tuner's moves to have an
// effect.

import Foundation
import VarveBase

@testable import VarveTuner

enum Samples {
  static let setting = Setting(
    sizeRatio: 4, innerRunsMax: 3, lastRunsMax: 1, memtableBytes: 1_048_576, filterBits: 10)

  static let scale = IndexScale(
    pages: 200_000, bytesPerPage: 240, memtableBytesPerPage: 640, unitBytesPerMemtableByte: 0.375,
    cacheBytes: 8_388_608)

  static let knobs = Knob.ofIndex(memtableBytes: 131_072...1_048_576)

  static func shape(_ t: Double, _ k: Double, _ z: Double, bits: Double = 10) -> Setting {
    Setting(
      sizeRatio: t, innerRunsMax: k, lastRunsMax: z, memtableBytes: 1_048_576, filterBits: bits)
  }

  static func model(
    absent: Double = 0, present: Double = 0, put: Double = 0, fit: CostFit = CostFit(),
    scale: IndexScale = scale, prices: Prices = .bytes(blockBytes: 16_384)
  ) -> CostModel {
    CostModel(
      scale: scale, mix: LoadMix(absent: absent, present: present, put: put), prices: prices,
      fit: fit)
  }
}

/// A load in pages a window.
struct SampleLoad {
  var absent = 0.0
  var present = 0.0
  var put = 0.0

  static let puts = SampleLoad(absent: 500, present: 1_000, put: 20_000)
  static let probes = SampleLoad(absent: 20_000, present: 60_000, put: 500)
  static let mixed = SampleLoad(absent: 4_000, present: 20_000, put: 8_000)
}

/// An index whose costs follow a cost model of its own, with noise, and perhaps not the one that
/// the tuner believes in.
struct SampleIndex {
  var setting: Setting
  var scale = Samples.scale
  var fit = CostFit()
  var prices = Prices.bytes(blockBytes: 16_384)
  /// What each count is off by, at most, as a share.
  var noise = 0.0
  /// The truth's cost of a setting, of what the model says: 1 agrees.
  var distortion: (Setting) -> Double = { _ in 1 }
  var random = SampleRandom(seed: 1)
  private var counted = TunerObservation()
  /// Sum of the true costs so far.
  private(set) var spent = 0.0

  init(_ setting: Setting) { self.setting = setting }

  /// The mean cost of a page under `load`, in truth.
  func cost(_ load: SampleLoad, _ setting: Setting) -> Double {
    var model = CostModel(
      scale: scale, mix: LoadMix(absent: load.absent, present: load.present, put: load.put),
      prices: prices, fit: fit)
    return model.estimate(setting).nanos * distortion(setting)
  }

  mutating func run(_ load: SampleLoad) -> TunerObservation {
    var model = CostModel(
      scale: scale, mix: LoadMix(absent: load.absent, present: load.present, put: load.put),
      prices: prices, fit: fit)
    let cost = model.estimate(setting)
    let off = distortion(setting)
    func counts(_ amount: Double) -> UInt64 {
      UInt64(max(0, amount * (1 + noise * (2 * random.share() - 1))).rounded())
    }
    let blocks = (load.absent * cost.falsePasses + load.present * cost.presentBlocks) * off
    let read = counts(blocks * cost.missShare)
    let merged = counts(load.put * cost.mergedBytes / 2 * off)
    let flushed = counts(load.put * scale.bytesPerPage)
    counted.absentPages += UInt64(load.absent)
    counted.presentPages += UInt64(load.present)
    counted.lookupPages += UInt64(load.absent + load.present)
    counted.putPages += UInt64(load.put)
    counted.blockReads += read
    counted.blockHits += counts(blocks * (1 - cost.missShare))
    counted.falsePasses += counts(
      (load.absent + load.present / 2) * cost.falsePasses * off)
    counted.flushedBytes += flushed
    counted.mergeReadBytes += merged
    counted.mergeWrittenBytes += merged
    counted.indexPages = UInt64(scale.pages)
    counted.indexBytes = UInt64(scale.pages * scale.bytesPerPage)
    counted.cacheBytes = UInt64(scale.cacheBytes)
    counted.memtableBytesPerPage = scale.memtableBytesPerPage
    counted.unitBytesPerMemtableByte = scale.unitBytesPerMemtableByte
    spent += Double(read) * prices.blockRead
    spent += Double(merged) * (prices.byteRead + prices.byteWritten)
    spent += Double(flushed) * prices.byteWritten
    return counted
  }
}

/// SplitMix64.
struct SampleRandom {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func share() -> Double { Double(next() >> 11) / Double(1 << 53) }

  mutating func number(_ range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * share()
  }
}

enum GoldenFile {
  static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Golden/" + name).path
  }

  static func read(_ name: String) throws -> String {
    try String(contentsOfFile: path(name), encoding: .utf8)
  }

  /// Whether results are to be written anew: `VARVE_GOLDEN=write`.
  static var isWriting: Bool { ProcessInfo.processInfo.environment["VARVE_GOLDEN"] != nil }

  static func write(_ name: String, _ text: String) throws {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
  }

  /// Runs every block of `name` (comments, commands, `----`, results) and gives the file with the
  /// results that came out.
  static func replay(_ text: String, _ run: ([Substring]) throws -> String) rethrows -> String {
    var written = ""
    for part in text.split(separator: "\n\n") {
      let lines = part.split(separator: "\n")
      let comments = lines.prefix { $0.hasPrefix("#") }
      let input = lines.dropFirst(comments.count).prefix { $0 != "----" }
      let found = input.isEmpty ? nil : try run(Array(input))
      written += (comments + input).joined(separator: "\n") + "\n"
      if let found { written += "----\n" + found }
      written += "\n"
    }
    return written
  }
}
