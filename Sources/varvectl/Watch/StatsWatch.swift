// `stats --watch`: asks again and again and shows what changed; outlives a daemon that goes away
// and comes back.

import Foundation
import VarveBase
import VarveClient
import VarveWire

/// One watch; for the main thread.
struct StatsWatch {
  /// A daemon that is silent for longer is told as gone; the keys must go on working.
  private static let timeoutMillisMax = 2000

  let endpoint: Endpoint
  let intervalSeconds: Double
  /// Ends after so many answers; nil: never by itself.
  let countMax: Int?
  let isJson: Bool
  private let options: ClientOptions
  private var client: Client?
  private var trouble: ClientError?

  init(
    _ global: GlobalOptions, intervalSeconds: Double, countMax: Int?
  ) throws(Failure) {
    endpoint = try global.resolvedEndpoint()
    var options = try global.clientOptions()
    options.connectMillis = min(options.connectMillis, Self.timeoutMillisMax)
    options.timeoutMillis = min(options.timeoutMillis, Self.timeoutMillisMax)
    self.options = options
    self.intervalSeconds = intervalSeconds
    self.countMax = countMax
    isJson = global.json
  }

  mutating func run(_ console: Console) throws {
    // The first answer is asked for before the screen is taken: no daemon is an error as elsewhere.
    guard let first = ask() else {
      throw Failure(trouble ?? .connectionLost("no answer"), endpoint: endpoint)
    }
    if !isJson, let terminal = Terminal() {
      defer { terminal.giveBack() }
      draw(first, on: terminal)
    } else {
      try write(first, console)
    }
  }

  // MARK: - On a terminal

  private mutating func draw(_ first: StatsSample, on terminal: Terminal) {
    var (before, now) = (StatsSample?.none, first)
    var history = Dashboard.History()
    var answers = 1
    while true {
      let board = Dashboard(
        endpoint: "\(endpoint)", sample: now, change: StatsChange(before, now), history: history,
        trouble: trouble.map { "no answer: \($0)" }, intervalSeconds: intervalSeconds)
      if !show(board, on: terminal) { return }
      if let countMax, answers >= countMax { return }
      guard let next = ask() else { continue }
      answers += 1
      (before, now) = (now, next)
      history.add(StatsChange(before, now))
    }
  }

  /// Shows the board for one interval, whatever size the terminal takes; false: no more.
  private func show(_ board: Dashboard, on terminal: Terminal) -> Bool {
    let end = SystemClock().monotonicNanos() + UInt64(intervalSeconds * 1e9)
    while true {
      let size = terminal.size
      terminal.draw(board.lines(width: size.width, height: size.height))
      let now = SystemClock().monotonicNanos()
      guard now < end else { return true }
      // Rounded up, so that no part of a millisecond is spent in circles.
      switch terminal.wait(millis: Int((end - now + 999_999) / 1_000_000)) {
      case .quit: return false
      case .tick: return true
      case .resized: continue
      }
    }
  }

  // MARK: - Elsewhere

  /// A line an answer, for pipes and files.
  private mutating func write(_ first: StatsSample, _ console: Console) throws {
    var (before, now) = (StatsSample?.none, first)
    var answers = 1
    while true {
      try console.print(isJson ? try Json.text(StatsReport(now.stats)) : Self.line(before, now))
      if let countMax, answers >= countMax { return }
      Thread.sleep(forTimeInterval: intervalSeconds)
      guard let next = ask() else {
        throw Failure(trouble ?? .connectionLost("no answer"), endpoint: endpoint)
      }
      answers += 1
      (before, now) = (now, next)
    }
  }

  static func line(_ before: StatsSample?, _ now: StatsSample) -> String {
    let stats = now.stats
    var parts = [
      stats.ready ? stats.writable ? "ready" : "read-only" : "not ready",
      "disk \(ByteSize.text(stats.diskBytes)) of \(ByteSize.text(stats.capacityBytes))",
      "\(Numbers.grouped(stats.pages)) pages",
    ]
    if let change = StatsChange(before, now) {
      parts += [
        "hit " + (change.hitShare.map { Numbers.fixed(100 * $0, 1) + " %" } ?? "-"),
        "in \(ByteSize.text(UInt64(change.rate { $0.bytesIn })))/s",
        "out \(ByteSize.text(UInt64(change.rate { $0.bytesOut })))/s",
        "\(Numbers.fixed(change.rate { $0.lookups }, 1)) lookups/s",
      ]
    }
    return parts.joined(separator: ", ")
  }

  // MARK: - Asking

  /// The numbers now; nil, and `trouble` says why, when there is no answer.
  private mutating func ask() -> StatsSample? {
    do throws(ClientError) {
      let open: Client
      if let client, client.isOpen {
        open = client
      } else {
        open = try Client(endpoint, options: options)
      }
      client = open
      let stats = try open.stats()
      trouble = nil
      return StatsSample(stats, nanos: SystemClock().monotonicNanos())
    } catch {
      client = nil
      trouble = error
      return nil
    }
  }
}
