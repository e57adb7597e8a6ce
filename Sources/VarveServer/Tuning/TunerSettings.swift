// What the configuration says of the tuner: its mode, its pace and the bounds of its knobs.

internal import VarveBase
package import VarveEngine
package import VarveTuner

/// `[tuner]` of the configuration.
package struct TunerSettings: Sendable {
  package var mode = TunerMode.observe
  /// How often it looks, in seconds.
  package var windowSeconds = 10
  /// Bounds narrower than those there are; a single value holds the knob.
  package var bounds: [KnobName: ClosedRange<Double>] = [:]

  package init() {}

  /// The knobs of the index, within the bounds.
  ///
  /// - Parameter memtableBytesMax: what the memory split gives a memtable.
  package func knobs(memtableBytesMax: Int) throws(ConfigurationProblem) -> [Knob] {
    let most = Double(memtableBytesMax)
    let all = Knob.ofIndex(memtableBytes: (most / 4).rounded()...most)
    var knobs: [Knob] = []
    for knob in all {
      guard let bounds = bounds[knob.name] else {
        knobs.append(knob)
        continue
      }
      guard bounds.lowerBound >= knob.min, bounds.upperBound <= knob.max else {
        throw ConfigurationProblem(
          "tuner.\(knob.name.rawValue) \(Self.text(bounds, knob.name)) is not within "
            + Self.text(knob.min...knob.max, knob.name))
      }
      knobs.append(knob.within(bounds))
    }
    return knobs
  }

  /// `tuning` brought within the bounds: where the index starts.
  package func start(_ tuning: IndexTuning) -> IndexTuning {
    var setting = Setting(tuning)
    for (name, bounds) in bounds {
      setting[name] = min(bounds.upperBound, max(bounds.lowerBound, setting[name]))
    }
    return IndexTuning(setting)
  }

  /// Bounds as the configuration writes them: `2-8`, `4`, `8MiB-32MiB`; empty for all there are.
  static func parse(
    _ text: String, _ name: KnobName
  ) throws(ConfigurationProblem) -> ClosedRange<Double>? {
    if text.isEmpty { return nil }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
    let values = parts.compactMap { value($0, name) }
    guard values.count == parts.count, (1...2).contains(values.count),
      let least = values.first, let most = values.last, least <= most
    else {
      let example = name == .memtableBytes ? "8MiB-32MiB or 16MiB" : "2-8 or 4"
      throw ConfigurationProblem(
        "tuner.\(name.rawValue) = \"\(text)\" are no bounds: write \(example), or nothing")
    }
    return least...most
  }

  private static func value(_ text: String, _ name: KnobName) -> Double? {
    if name == .memtableBytes { return ByteSize.parse(text).map { Double($0) } }
    guard let value = Double(text), value.isFinite, !name.isWhole || value == value.rounded() else {
      return nil
    }
    return value
  }

  private static func text(_ bounds: ClosedRange<Double>, _ name: KnobName) -> String {
    let texts = [bounds.lowerBound, bounds.upperBound].map { value in
      name == .memtableBytes ? ByteSize.text(UInt64(value)) : DecimalText.of(value)
    }
    return texts[0] == texts[1] ? texts[0] : texts.joined(separator: " to ")
  }
}
