// What counted work costs, so that blocks and bytes can be added up.

/// Nanoseconds of waiting or of a device for one unit of work.
package struct Prices: Equatable, Sendable {
  /// A client waits for a block from disk.
  package var blockRead: Double
  /// A block found in memory is searched.
  package var blockHit: Double
  /// A byte of a table that a merge reads, and one that a flush or a merge writes.
  package var byteRead: Double
  package var byteWritten: Double
  /// A nanosecond in which a put was held back.
  package var stallNano: Double

  package init(
    blockRead: Double, blockHit: Double, byteRead: Double, byteWritten: Double, stallNano: Double
  ) {
    let all = [blockRead, blockHit, byteRead, byteWritten, stallNano]
    precondition(all.allSatisfy { $0 >= 0 && $0.isFinite }, "a price below 0")
    self.blockRead = blockRead
    self.blockHit = blockHit
    self.byteRead = byteRead
    self.byteWritten = byteWritten
    self.stallNano = stallNano
  }

  /// A flash disk: 100 µs until a block is there, 1 GB/s of table bytes in the background.
  package static let flash = Prices(
    blockRead: 100_000, blockHit: 1_000, byteRead: 1, byteWritten: 1, stallNano: 1)

  /// Bytes moved and nothing else: a block read counts its bytes.
  package static func bytes(blockBytes: Double) -> Prices {
    Prices(blockRead: blockBytes, blockHit: 0, byteRead: 1, byteWritten: 1, stallNano: 0)
  }
}

extension Prices {
  /// What reading cost in `window`, a page that reached the tables; nil where none did.
  func reading(_ window: TunerWindow) -> Double? {
    guard window.readPages > 0 else { return nil }
    return (window.blockReads * blockRead + window.blockHits * blockHit) / window.readPages
  }

  /// What writing cost in `window`, a page put; nil where none was.
  func writing(_ window: TunerWindow) -> Double? {
    guard window.putPages > 0 else { return nil }
    let written = window.flushedBytes + window.mergeWrittenBytes
    return
      (written * byteWritten + window.mergeReadBytes * byteRead + window.stallNanos * stallNano)
      / window.putPages
  }
}
