// The ceiling of a look-up in memory: a C loop over a table of the same size.

import CBench
import VarveBase

final class PrefetchedReads {
  private let memory: AlignedBuffer
  private var sum: UInt64 = 0

  init(byteCount: Int) { memory = AlignedBuffer(byteCount: (byteCount + 4095) / 4096 * 4096) }

  /// One read for each id, at a place that its bytes choose.
  func run(_ ids: [PageID]) {
    let hashes = ids.map { $0.word0 }
    let lines = UInt64(memory.byteCount / 64)
    unsafe memory.bytes.withMemoryRebound(to: UInt64.self) { table in
      guard let base = table.baseAddress else { return }
      unsafe sum &+= varve_prefetched_reads(base, lines, hashes, hashes.count)
    }
  }
}
