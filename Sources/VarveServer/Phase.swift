// Where the daemon stands in its life, for readiness, Stats and new requests.

internal import Synchronization
internal import VarveBase

/// The phases in their order.
package enum Phase: Int, Sendable {
  case recovering, ready, draining, stopped
}

/// The phase as all threads see it. Relaxed: nothing else is published through it.
package final class PhaseCell: Sendable {
  private let value = Atomic<Int>(Phase.recovering.rawValue)
  private let observer = Locked<(@Sendable () -> Void)?>(nil)

  package init() {}

  package var current: Phase {
    Phase(rawValue: value.load(ordering: .relaxed)) ?? .stopped
  }

  /// Enters the phase, then tells the observer.
  package func enter(_ phase: Phase) {
    value.store(phase.rawValue, ordering: .relaxed)
    observer.withLock { $0 }?()
  }

  /// Calls `observer` after every change, on the thread that makes it.
  package func observe(_ observer: @escaping @Sendable () -> Void) {
    self.observer.withLock { $0 = observer }
  }
}
