// What the index is asked to do, and what that cost.

import VarveEngine
import VarveTuner

/// A mix of operations.
struct BenchLoad: Hashable, Sendable {
  let name: String
  /// Of all operations, those that put 8 pages; the others look a prompt up.
  let putShare: Double
  /// Of the prompts, those whose first page is not there.
  let missShare: Double
  /// Pages handled in a window, of those of a put-heavy one: looking up is cheaper than putting,
  /// and phases should weigh alike.
  let windowFactor: Int

  static let puts = BenchLoad(name: "put-heavy", putShare: 0.95, missShare: 0.5, windowFactor: 1)
  static let probes = BenchLoad(
    name: "probe-heavy", putShare: 0.03, missShare: 0.3, windowFactor: 12)
  static let mixed = BenchLoad(name: "mixed", putShare: 0.3, missShare: 0.3, windowFactor: 3)

  /// The phases of a run, in their order.
  static let phases = [puts, probes, mixed, puts]
}

/// Work that the index did, counted.
struct BenchCost: Hashable, Sendable {
  var blockReads = 0.0
  /// Bytes of tables that flushes and merges wrote and merges read.
  var bytes = 0.0
  var putPages = 0.0
  var readPages = 0.0

  /// Everything in bytes: a block read counts its 16 KiB.
  var total: Double { blockReads * Self.blockBytes + bytes }

  /// Blocks read for a page that reached the tables, and bytes for a page put.
  var readsPerPage: Double { blockReads / max(1, readPages) }
  var bytesPerPut: Double { bytes / max(1, putPages) }

  static let blockBytes = 16_384.0

  init() {}

  init(from before: TunerObservation, to after: TunerObservation) {
    func risen(_ counter: KeyPath<TunerObservation, UInt64>) -> Double {
      Double(after[keyPath: counter] - before[keyPath: counter])
    }
    blockReads = risen(\.blockReads)
    bytes = risen(\.flushedBytes) + risen(\.mergeReadBytes) + risen(\.mergeWrittenBytes)
    putPages = risen(\.putPages)
    readPages = risen(\.absentPages) + risen(\.presentPages)
  }
}
