// Numbers as people read them: grouped thousands, fixed decimals, durations.

import Foundation

enum Numbers {
  /// `1,234,567`.
  static func grouped(_ value: UInt64) -> String {
    var text = ""
    for (index, digit) in String(value).reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  static func grouped(_ value: Int) -> String {
    (value < 0 ? "-" : "") + grouped(UInt64(value.magnitude))
  }

  static func fixed(_ value: Double, _ decimals: Int) -> String {
    String(format: "%.\(decimals)f", value)
  }

  /// Seconds as `850 µs`, `12.3 ms`, `4.2 s`, `3 min 5 s`, `2 h 7 min`, `3 d 4 h`.
  static func duration(_ seconds: Double) -> String {
    switch seconds {
    case 0: return "0 s"
    case ..<0.001: return fixed(seconds * 1e6, 0) + " µs"
    case ..<1: return fixed(seconds * 1e3, seconds < 0.1 ? 1 : 0) + " ms"
    case ..<60: return fixed(seconds, 1) + " s"
    case ..<3600: return "\(Int(seconds) / 60) min \(Int(seconds) % 60) s"
    case ..<86_400: return "\(Int(seconds) / 3600) h \(Int(seconds) / 60 % 60) min"
    case ..<1e12: return "\(Int(seconds) / 86_400) d \(Int(seconds) / 3600 % 24) h"
    default: return "for ever"
    }
  }
}
