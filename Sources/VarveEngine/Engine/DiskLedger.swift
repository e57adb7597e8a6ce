// The hard bound: every byte under the data directory is counted here before it is written, and
// given back only after its file is gone and closed.

internal import VarveBase

/// Bytes of the data directory against the capacity. Whoever creates or grows a file reserves
/// first.
///
/// Sizes are in file bytes rounded up to blocks of 4 KiB, which is what a file system without holes
/// allocates; the capacity test compares with the blocks really allocated.
final class DiskLedger: Sendable {
  private struct State {
    var capacity: UInt64
    var used: UInt64 = 0
    var usedMax: UInt64 = 0
  }

  private let state: Monitor<State>

  init(capacity: UInt64) { state = Monitor(State(capacity: capacity)) }

  static func rounded(_ bytes: UInt64) -> UInt64 {
    let block = UInt64(Limits.blockBytes)
    return (bytes + block - 1) / block * block
  }

  /// Takes `bytes`, or takes nothing and gives false when the bound would be passed.
  func reserve(_ bytes: UInt64) -> Bool {
    state.update {
      guard $0.used + bytes <= $0.capacity else { return false }
      $0.used += bytes
      $0.usedMax = max($0.usedMax, $0.used)
      return true
    }
  }

  /// Counts what is already on the disk when the store opens, bound or not.
  func adopt(_ bytes: UInt64) {
    state.update {
      $0.used += bytes
      $0.usedMax = max($0.usedMax, $0.used)
    }
  }

  func release(_ bytes: UInt64) {
    state.update {
      precondition($0.used >= bytes, "the disk ledger gives back more than it holds")
      $0.used -= bytes
    }
  }

  /// Moves the bound. Lowered below what is used, nothing can be reserved until enough is given
  /// back; raised, whoever waits for room looks again.
  func setCapacity(_ bytes: UInt64) { state.update { $0.capacity = bytes } }

  /// Waits until `bytes` could be reserved, or `deadline` (monotonic nanoseconds) passes.
  func waitForRoom(_ bytes: UInt64, until deadline: UInt64) -> Bool {
    state.wait(until: deadline) { $0.used + bytes <= $0.capacity ? true : nil } ?? false
  }

  var used: UInt64 { state.update { $0.used } }
  var usedMax: UInt64 { state.update { $0.usedMax } }
  var capacity: UInt64 { state.update { $0.capacity } }
  var isOver: Bool { state.update { $0.used > $0.capacity } }
  var free: UInt64 { state.update { $0.used < $0.capacity ? $0.capacity - $0.used : 0 } }
}
