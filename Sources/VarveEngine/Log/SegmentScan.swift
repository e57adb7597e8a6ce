// What a scan of one segment found.

/// One extent, its entries decoded.
package struct ScannedExtent: Sendable {
  package let header: ExtentHeader
  /// The used bytes of the header as they lie in the file, for a footer.
  package let headerUsed: [UInt8]
  /// Pages in their order in the extent; those that failed verification are not among them.
  package var pages: [PageRecord]
  package let controls: [ControlEntry]
  package var pagesDropped = 0

  package var position: LogPosition { header.position }
  package var endOffset: UInt64 { header.position.offset + UInt64(header.extentBytes) }
}

/// A segment's contents and what it cost to find them.
package struct SegmentScan: Sendable {
  package enum Source: Equatable, Sendable {
    case footer
    case tail
    /// It was sealed, but its footer is damaged or cannot be read: scanned like a tail, payloads
    /// verified.
    case damagedFooter(LogError)
  }

  package let number: UInt64
  package let source: Source
  /// The scan began at the first extent.
  package let isFromStart: Bool
  /// By offset.
  package internal(set) var extents: [ScannedExtent] = []
  /// Names of the namespaces, from a footer; empty after a tail scan.
  package internal(set) var namespaces: [UInt32: String] = [:]
  /// The highest "synced up to" found, or what the caller knew.
  package internal(set) var syncedUpTo: LogPosition
  /// End of the last extent found, or where the scan began.
  package internal(set) var endOffset: UInt64
  /// Blocks passed over while looking for the next header.
  package internal(set) var blocksSkipped = 0
  package internal(set) var pagesDropped = 0
  /// The last header or page that the disk refused: what it was to give is not among the rest.
  package internal(set) var unreadable: LogError?
  package internal(set) var bytesRead: UInt64 = 0

  init(number: UInt64, source: Source, syncedUpTo: LogPosition, from: UInt64) {
    self.number = number
    self.source = source
    self.syncedUpTo = syncedUpTo
    endOffset = max(from, UInt64(SegmentHeader.byteCount))
    isFromStart = from <= UInt64(SegmentHeader.byteCount)
  }

  package var pageCount: Int { extents.reduce(0) { $0 + $1.pages.count } }
}

/// Which payloads a scan reads and checks.
package enum PayloadCheck: Equatable, Sendable {
  /// Those that a crash may have torn: beyond the highest "synced up to".
  case beyondSynced
  case all
  case none
}
