// How busy the machine was while a figure was taken: a figure without it cannot be judged later.

import Foundation
import VarveBase

struct Pressure: Codable, Hashable, Sendable {
  /// Percent of the last 10 s in which some task waited for a processor, as the round ended; nil
  /// where the kernel does not tell (CONFIG_PSI).
  var someAvg10: Double?
  /// The same of the round itself. The bench's own threads wait too: it is never 0.
  var someRound: Double?
  /// Runnable threads over the last minute.
  var load: Double

  /// The line `some` of /proc/pressure/cpu.
  struct Some: Hashable, Sendable {
    let avg10: Double
    let totalMicros: UInt64
  }

  static func some(in text: String) -> Some? {
    for line in text.split(separator: "\n") where line.hasPrefix("some ") {
      var values: [Substring: Substring] = [:]
      for word in line.split(separator: " ").dropFirst() {
        let parts = word.split(separator: "=", maxSplits: 1)
        if parts.count == 2 { values[parts[0]] = parts[1] }
      }
      guard let avg10 = values["avg10"].flatMap({ Double($0) }),
        let total = values["total"].flatMap({ UInt64($0) })
      else { return nil }
      return Some(avg10: avg10, totalMicros: total)
    }
    return nil
  }

  static func someNow() -> Some? {
    (try? String(contentsOfFile: "/proc/pressure/cpu", encoding: .utf8)).flatMap(some(in:))
  }
}

/// Begun with the clock of a round, asked when it ends.
struct PressureMeter {
  private let first = Pressure.someNow()
  private let began = SystemClock().monotonicNanos()

  func end() -> Pressure {
    let last = Pressure.someNow()
    let nanos = Double(SystemClock().monotonicNanos() - began)
    var share: Double?
    if let first, let last, nanos > 0 {
      share = min(100, Double(last.totalMicros &- first.totalMicros) * 1e5 / nanos)
    }
    return Pressure(someAvg10: last?.avg10, someRound: share, load: Machine.loadNow())
  }
}
