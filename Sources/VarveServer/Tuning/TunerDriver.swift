// Drives the tuner: a thread of its own that shows it the index once a window and applies its
// moves.

package import Logging
package import VarveBase
package import VarveEngine
package import VarveTuner

/// The tuner in force. Its lock is never held while the engine or the log is called.
package final class TunerDriver: Sendable {
  private enum Life { case idle, running, stopping, ended }

  private let engine: Engine
  private let clock: any Clock
  private let logger: Logger
  private let windowNanos: UInt64
  private let tuner: Locked<Tuner>
  /// Turns and requests one at a time: what one decided must not be applied after what came later.
  private let turns = Locked(())
  private let life = Monitor(Life.idle)
  /// Wall time of a turn: reading the counters, the search, and the move.
  package let turnSeconds = LatencyHistogram(
    "tuner_turn_seconds", "One look of the tuner: counters read, settings searched, a move made")

  package init(
    _ engine: Engine, _ settings: TunerSettings, knobs: [Knob], prices: Prices = .flash,
    options: TunerOptions = TunerOptions(), clock: any Clock, logger: Logger
  ) {
    self.engine = engine
    self.clock = clock
    self.logger = logger
    windowNanos = UInt64(settings.windowSeconds) * 1_000_000_000
    tuner = Locked(
      Tuner(
        knobs: knobs, setting: Setting(engine.tuning), mode: settings.mode, prices: prices,
        options: options))
  }

  /// The tuner as it stands.
  package var current: Tuner { tuner.withLock { $0 } }

  /// Starts the thread; false when the system has none to give. The store serves without.
  package func start() -> Bool {
    life.update { $0 = .running }
    let isStarted = Thread.start("varve-tuner") { [self] in
      while waitForWindow() { turn() }
      life.update { $0 = .ended }
    }
    if !isStarted { life.update { $0 = .idle } }
    return isStarted
  }

  /// Returns when no turn is under way and none will be.
  package func stop() {
    life.update { if $0 == .running { $0 = .stopping } }
    _ = life.wait(until: .max) { $0 == .ended || $0 == .idle ? true : nil }
  }

  /// False when it is to end.
  private func waitForWindow() -> Bool {
    let deadline = clock.monotonicNanos() + windowNanos
    return life.wait(until: deadline) { $0 == .stopping ? true : nil } == nil
  }

  /// One look.
  package func turn() {
    let started = clock.monotonicNanos()
    turns.withLock { _ in
      let observation = TunerObservation(engine.indexObservation())
      let atUnix = Double(clock.wallMillis()) / 1000
      let (move, news) = tuner.withLock { tuner in
        let before = tuner.history.decisions
        let move = tuner.observe(observation, atUnix: atUnix)
        return (move, tuner.history.decisions.filter { !before.contains($0) })
      }
      if let move { engine.tune(IndexTuning(move.setting), joining: move.joins) }
      tell(news)
    }
    turnSeconds.record(nanos: clock.monotonicNanos() - started)
  }

  /// Takes an operator's request; the tuner as it stands afterwards.
  package func take(_ request: Tuner.Request) throws(TunerRefusal) -> Tuner {
    try turns.withLock { (_) throws(TunerRefusal) in
      let atUnix = Double(clock.wallMillis()) / 1000
      let (moved, tuner) = try tuner.withLock { (tuner) throws(TunerRefusal) in
        (try tuner.take(request, atUnix: atUnix), tuner)
      }
      if let moved { engine.tune(IndexTuning(moved)) }
      return tuner
    }
  }

  private func tell(_ news: [TunerDecision]) {
    for decision in news {
      logger.notice(
        "tuner",
        metadata: [
          "knob": "\(decision.knob.rawValue)", "from": "\(DecimalText.of(decision.from))",
          "to": "\(DecimalText.of(decision.to))", "verdict": "\(decision.verdict.rawValue)",
          "reason": "\(decision.reason)",
        ])
    }
  }
}
