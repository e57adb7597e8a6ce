// A line of numbers as small bars.

enum Sparkline {
  private static let bars = Array("▁▂▃▄▅▆▇█")

  /// The last `width` values; the highest bar is `most`, or the highest of them. A gap is a space.
  static func text(_ values: [Double?], most: Double? = nil, width: Int) -> String {
    let shown = values.suffix(max(0, width))
    let highest = most ?? shown.compactMap { $0 }.max() ?? 0
    return String(
      shown.map { value -> Character in
        guard let value else { return " " }
        guard highest > 0, value > 0 else { return bars[0] }
        let step = Int((min(1, value / highest) * Double(bars.count - 1)).rounded())
        return bars[step]
      })
  }
}
