// Where the daemon's memory goes, under one configured total. Whoever holds more than a few KiB for
// longer than a call reserves it here first; full means a typed refusal, never growth.

/// Counts bytes by purpose under one limit.
package final class MemoryLedger: Sendable {
  package enum Purpose: Int, CaseIterable, Sendable {
    case memtable, blockCache, filter, arena, staging, connection, request, fingerprints

    /// The label in metrics and in `varvectl stats`.
    package var label: String {
      switch self {
      case .memtable: "memtable"
      case .blockCache: "block_cache"
      case .filter: "filter"
      case .arena: "arena"
      case .staging: "staging"
      case .connection: "connection"
      case .request: "request"
      case .fingerprints: "fingerprints"
      }
    }
  }

  private struct State {
    var used = [Int](repeating: 0, count: Purpose.allCases.count)
    var total = 0
    var totalMax = 0
  }

  package let limitBytes: Int
  private let state: Locked<State>

  package init(limitBytes: Int) {
    precondition(limitBytes > 0, "the memory limit must be positive")
    self.limitBytes = limitBytes
    state = Locked(State())
  }

  /// Takes `bytes` for `purpose`; false, and nothing taken, when the total would pass the limit.
  package func reserve(_ bytes: Int, for purpose: Purpose) -> Bool {
    precondition(bytes >= 0, "a reservation is not negative")
    return state.withLock {
      guard $0.total + bytes <= limitBytes else { return false }
      $0.used[purpose.rawValue] += bytes
      $0.total += bytes
      $0.totalMax = max($0.totalMax, $0.total)
      return true
    }
  }

  package func release(_ bytes: Int, for purpose: Purpose) {
    state.withLock {
      $0.used[purpose.rawValue] -= bytes
      $0.total -= bytes
      precondition($0.used[purpose.rawValue] >= 0, "\(purpose.label) released more than it held")
    }
  }

  package var totalBytes: Int { state.withLock { $0.total } }

  /// The most that was reserved at once since the start.
  package var totalBytesMax: Int { state.withLock { $0.totalMax } }

  package func bytes(of purpose: Purpose) -> Int { state.withLock { $0.used[purpose.rawValue] } }
}

/// Bytes of a ledger that go back when their last holder lets go.
package final class MemoryReservation: Sendable {
  private let ledger: MemoryLedger
  private let purpose: MemoryLedger.Purpose
  package let bytes: Int

  /// nil, and nothing taken, when the total would pass the ledger's limit.
  package init?(_ bytes: Int, for purpose: MemoryLedger.Purpose, from ledger: MemoryLedger) {
    guard ledger.reserve(bytes, for: purpose) else { return nil }
    self.ledger = ledger
    self.purpose = purpose
    self.bytes = bytes
  }

  deinit { ledger.release(bytes, for: purpose) }
}
