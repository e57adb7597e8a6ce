// Where the daemon stands in its life, for readiness, Stats and new requests.

internal import Synchronization

/// The phases in their order.
package enum Phase: Int, Sendable {
  case recovering, ready, draining, stopped
}

/// The phase as all threads see it. Relaxed: nothing else is published through it.
package final class PhaseCell: Sendable {
  private let value = Atomic<Int>(Phase.recovering.rawValue)

  package init() {}

  package var current: Phase {
    Phase(rawValue: value.load(ordering: .relaxed)) ?? .stopped
  }

  package func enter(_ phase: Phase) { value.store(phase.rawValue, ordering: .relaxed) }
}
