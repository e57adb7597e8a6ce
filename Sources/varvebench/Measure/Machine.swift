// The machine as far as a reader of the figures must know it.

import Foundation

struct Machine: Encodable, Hashable, Sendable {
  let processors: Int
  let model: String
  /// Runnable threads over the last minute, before the run: over `processors`, the machine is
  /// shared.
  let load: Double

  static func this() -> Machine {
    let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = info.split(separator: "\n").first { $0.hasPrefix("model name") }
    let name = model?.split(separator: ":").last.map(String.init) ?? "unknown"
    return Machine(
      processors: ProcessInfo.processInfo.activeProcessorCount,
      model: name.trimmingCharacters(in: .whitespaces),
      load: loadNow())
  }

  /// Runnable threads over the last minute.
  static func loadNow() -> Double {
    let load = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
    return load.split(separator: " ").first.flatMap { Double($0) } ?? 0
  }
}
