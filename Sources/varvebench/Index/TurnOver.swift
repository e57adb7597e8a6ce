// Write amplification of a full store: ten times its capacity goes through it, oldest segments
// first out, and every byte written to any file is counted.

import Foundation
import VarveBase
import VarveEngine

struct TurnOver {
  private static let capacityBytes: UInt64 = 512 << 20
  private static let pageBytes = 64 << 10
  private static let turns = 10
  let directory: String

  func run(_ tell: (Figure) -> Void) throws {
    var configuration = IndexStore.configuration(directory, blockCacheBytes: 4 << 20)
    configuration.capacityBytes = Self.capacityBytes
    // As many memtables to an index as ten million pages have with the default.
    configuration.memtableBytes = 64 << 10
    let store = try IndexStore(configuration)
    defer { store.engine.close() }
    let page = unsafe Array(BenchPages(pageBytes: Self.pageBytes, count: 1).bytes(0..<1))
    let checksum = XXH3.hash(page)
    let chainBytes = IndexStore.chainPages * Self.pageBytes
    func fill(_ chains: Range<Int>) throws {
      for chain in chains { try store.put(IndexStore.ids(chain), page: page, checksum: checksum) }
    }
    let chainsEach = Int(Self.capacityBytes) / chainBytes
    try fill(0..<chainsEach)
    store.files.reset()
    try fill(chainsEach..<chainsEach * (Self.turns + 1))
    try store.settle()
    let payload = Double(chainsEach * Self.turns * chainBytes)
    let (segments, tables, others) = (
      Double(store.files.segments.written), Double(store.files.tables.written),
      Double(store.files.others.written)
    )
    tell(
      Figure(
        bench: "index", name: "write amplification, store turned over ten times",
        value: (segments + tables + others) / payload, unit: "", most: 1.10,
        note: String(
          format: "64 KiB pages; log %.4f, tables %.4f, manifest %.4f of the payload",
          segments / payload, tables / payload, others / payload)))
  }
}
