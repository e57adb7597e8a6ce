// The request layer: what each call means, whichever protocol brought it. Validates, asks the
// engine, answers with the contract's messages. Knows no frames, sockets or streams.

package import Logging
package import VarveBase
package import VarveEngine
internal import VarveWire
internal import Synchronization

/// The calls of `Cache` and `Admin`. Calls whose comment says "blocks" belong on
/// `Engine.background`, the others are short.
package final class Calls: Sendable {
  package let engine: Engine
  package let tuner: TunerDriver
  package let metrics: ServerMetrics
  let ledger: MemoryLedger
  let clock: any Clock
  let startedNanos: UInt64
  let phase: PhaseCell
  let compaction = WorkGate()
  let scrubbing = WorkGate()
  /// What needs the server around the calls; set before the first call.
  let surroundings = Locked(Surroundings())
  private let logger: Logger
  private let incidents = Atomic<UInt64>(0)

  package init(
    engine: Engine, tuner: TunerDriver, metrics: ServerMetrics, ledger: MemoryLedger,
    clock: any Clock,
    startedNanos: UInt64, phase: PhaseCell, logger: Logger
  ) {
    self.engine = engine
    self.tuner = tuner
    self.metrics = metrics
    self.ledger = ledger
    self.clock = clock
    self.startedNanos = startedNanos
    self.phase = phase
    self.logger = logger
  }

  /// What a few admin calls need of the server.
  package struct Surroundings: Sendable {
    /// `min_free` of the configuration.
    package var minFreeBytes: UInt64 = 0
    /// Segments that there are descriptors for.
    package var segmentsMax = UInt64.max
    /// `drain_seconds` of the configuration.
    package var drainSeconds = 10
    /// Takes nothing more and waits, until a monotonic deadline at most, for the calls begun; how
    /// many are left then, those to Drain apart.
    package var drain: @Sendable (UInt64) -> Int = { _ in 0 }

    package init() {}
  }

  package func set(_ surroundings: Surroundings) {
    self.surroundings.withLock { $0 = surroundings }
  }

  /// The chain's slice a request names, or the refusal of its fields.
  func slice(
    _ namespace: UInt32, _ chain: Chain, first: UInt32, count: UInt32
  ) throws(Refusal) -> ChainSlice {
    do throws(WireError) {
      let ids = try chain.resolve()
      let range = try Chain.range(first: first, count: count, of: ids.count)
      return ChainSlice(
        namespace: namespace, ids: ids, first: range.lowerBound, count: range.count,
        before: chain.before, atRoot: chain.atRoot)
    } catch {
      throw Refusal(error)
    }
  }

  /// What the client is told of our own mistakes: a number that the log line carries as well.
  package func judged(_ refusal: Refusal, method: String) -> Refusal {
    guard refusal.problem.status == .internal else { return refusal }
    let number = incidents.add(1, ordering: .relaxed).newValue
    logger.error(
      "call failed",
      metadata: [
        "incident": "\(number)", "call": "\(method)", "what": "\(refusal.problem.message)",
      ])
    return Refusal(.internal, "internal error, incident \(number) in the daemon's log")
  }
}
