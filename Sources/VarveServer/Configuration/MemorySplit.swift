// How `memory_max` is divided. The fractions are fixed until the tuner moves them.

internal import VarveBase

/// Shares of the configured memory, in bytes, each a multiple of a block.
///
/// Arena 40 %, staging 20 %, block cache 10 %, memtable 1/16 of the total but at most its default
/// (twice that is in use while one is being flushed); what is left, over a sixth, is for filters,
/// connections and requests.
package struct MemorySplit: Equatable, Sendable {
  /// Below this the largest pages of small segments could not be received any more.
  package static let totalBytesMin: UInt64 = 64 << 20
  package static let automaticBytesMax: UInt64 = 8 << 30

  package let totalBytes: Int
  package let arenaBytes: Int
  package let stagingBytes: Int
  package let memtableBytes: Int
  package let blockCacheBytes: Int

  package init(totalBytes total: UInt64) throws(ConfigurationProblem) {
    guard total >= Self.totalBytesMin else {
      throw ConfigurationProblem(
        "memory_max \(total) is below the least this daemon works with, \(Self.totalBytesMin) "
          + "(\(ByteSize.text(Self.totalBytesMin)))")
    }
    guard total <= UInt64(Int.max) / 2 else {
      throw ConfigurationProblem("memory_max \(total) is more than this machine can address")
    }
    func share(_ numerator: UInt64, _ denominator: UInt64) -> Int {
      let bytes = total / denominator * numerator
      return Int(bytes - bytes % UInt64(Limits.blockBytes))
    }
    totalBytes = Int(total)
    arenaBytes = share(4, 10)
    stagingBytes = share(2, 10)
    blockCacheBytes = share(1, 10)
    memtableBytes = min(share(1, 16), Limits.memtableBytesDefault)
  }

  /// A quarter of the memory there is, within the least and `automaticBytesMax`.
  package static func automatic(on machine: MachineMemory) -> UInt64 {
    min(max(machine.availableBytes / 4, totalBytesMin), automaticBytesMax)
  }
}
