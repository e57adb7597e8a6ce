// What engine calls answer with.

internal import VarveBase

/// How many leading pages of the asked run are there.
package struct LookupAnswer: Equatable, Sendable {
  /// Pages present without a gap from the first asked.
  package var hitPages = 0
  /// Raw bytes of those.
  package var hitBytes: UInt64 = 0
  /// When wanted: bit i % 8 (least significant first) of byte i / 8 = page first + i is present.
  package var present: [UInt8] = []
}

/// A put as the server understood it; counts are checked before.
package struct PutOrder: Sendable {
  package let slice: ChainSlice
  /// Raw bytes of each page, at least 1.
  package let pageBytes: [UInt32]
  /// XXH3-64 of each page.
  package let checksums: [UInt64]
  package let durable: Bool
  /// 0 = the namespace's.
  package let ttlSeconds: UInt64
  /// The client sends only the pages named in `PutSession.need`.
  package let ask: Bool
  /// What other puts of the same connection hold already: see `PutSession.bufferBytes`.
  package let heldByConnection: Int

  package init(
    slice: ChainSlice, pageBytes: [UInt32], checksums: [UInt64], durable: Bool = false,
    ttlSeconds: UInt64 = 0, ask: Bool = false, heldByConnection: Int = 0
  ) {
    precondition(pageBytes.count == slice.count, "one length for each page")
    precondition(checksums.count == slice.count, "one checksum for each page")
    precondition(pageBytes.allSatisfy { $0 > 0 }, "a page has at least one byte")
    self.slice = slice
    self.pageBytes = pageBytes
    self.checksums = checksums
    self.durable = durable
    self.ttlSeconds = ttlSeconds
    self.ask = ask
    self.heldByConnection = heldByConnection
  }
}

/// How far a long work is: a compaction or a scrub.
package struct WorkProgress: Sendable {
  package var stage: String
  package var done: UInt64
  package var total: UInt64
  package var etaSeconds: Double
  package var result: [String: UInt64]
}

package struct LevelStatistics: Equatable, Sendable {
  package var level: UInt32
  package var runs: UInt32
  package var runsMax: UInt32
  package var entries: UInt64
  package var bytes: UInt64
  package var filterBytes: UInt64
}

package struct SegmentStatistics: Equatable, Sendable {
  package var id: UInt64
  /// open, full (being sealed) or sealed.
  package var state: String
  /// Blocks of the file.
  package var bytes: UInt64
  /// Raw bytes of the pages that can be asked for.
  package var liveBytes: UInt64
  package var pages: UInt64
  package var score: Double
}

/// The numbers of the store as a whole.
package struct EngineStatistics: Equatable, Sendable {
  package var capacityBytes: UInt64 = 0
  /// Blocks of every file under the directory, unlinked ones that are still read included.
  package var diskBytes: UInt64 = 0
  /// What the bound is kept with: `diskBytes` and the room promised to files being written.
  package var reservedBytes: UInt64 = 0
  package var pages: UInt64 = 0
  package var pageBytes: UInt64 = 0
  package var evictedPages: UInt64 = 0
  package var quarantinedPages: UInt64 = 0
  package var levels: [LevelStatistics] = []
  package var segments: [SegmentStatistics] = []
}

/// Bits in the order of the contract: least significant first.
enum Bitmap {
  static func empty(count: Int) -> [UInt8] { [UInt8](repeating: 0, count: (count + 7) / 8) }
}

extension [UInt8] {
  mutating func setBit(_ index: Int) { self[index / 8] |= 1 << UInt8(index % 8) }

  mutating func clearBit(_ index: Int) { self[index / 8] &= ~(1 << UInt8(index % 8)) }

  func bit(_ index: Int) -> Bool { self[index / 8] & (1 << UInt8(index % 8)) != 0 }
}
