// A bar with an estimate on a terminal's last line; nothing where no person looks.

import VarveBase

/// Not for several threads: whoever shares one holds a lock around it.
struct ProgressBar {
  static let width = 30
  /// Redrawn at most so often: a terminal is slower than a replay.
  static let drawNanosMin: UInt64 = 100_000_000

  private let console: Console
  private let label: String
  private let clock: any Clock
  private let startNanos: UInt64
  private var drawnNanos: UInt64 = 0
  private var isDrawn = false

  init(_ console: Console, label: String, clock: any Clock = SystemClock()) {
    self.console = console
    self.label = label
    self.clock = clock
    startNanos = clock.monotonicNanos()
  }

  /// Shows that `done` of `total` is done; 0 of 0 shows nothing. `estimate` in seconds is computed
  /// from the pace so far where it is not given.
  mutating func update(done: UInt64, total: UInt64, stage: String = "", estimate: Double? = nil) {
    guard console.isTerminal, total > 0 else { return }
    let now = clock.monotonicNanos()
    guard !isDrawn || now - drawnNanos >= Self.drawNanosMin else { return }
    drawnNanos = now
    isDrawn = true
    let share = min(Double(done) / Double(total), 1)
    let elapsed = Double(now - startNanos) / 1e9
    let left = estimate ?? (share > 0 ? elapsed * (1 - share) / share : nil)
    console.draw("\r" + Self.line(label: label, stage: stage, share: share, left: left))
  }

  /// Takes the bar away, so that results begin on a clean line.
  mutating func finish() {
    guard isDrawn else { return }
    console.draw("\r\u{1B}[K")
    isDrawn = false
  }

  static func line(label: String, stage: String, share: Double, left: Double?) -> String {
    let filled = Int((Double(width) * share).rounded(.down))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let percent = Numbers.fixed(100 * share, 1)
    let rest = left.map { ", \(Numbers.duration($0)) left" } ?? ""
    return "\(label)\(stage.isEmpty ? "" : " \(stage)") \(bar) \(percent) %\(rest)\u{1B}[K"
  }
}
