// The header of an extent: what it is, how long, and one entry for each page or control word. The
// payload follows on the next 4 KiB border. Entries are in ExtentEntries.swift.

internal import VarveBase

/// Extent header: these 64 bytes, the entries, zeros to the next multiple of 4 KiB.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | magic `VXT1` |
/// | 4 | 2 | format version, 2; 1 is read |
/// | 6 | 1 | kind: 1 pages, 2 control entries |
/// | 7 | 1 | reserved, 0 |
/// | 8 | 4 | header bytes, padded |
/// | 12 | 4 | header bytes used |
/// | 16 | 4 | payload bytes (padded to 4 KiB in the file) |
/// | 20 | 2 | entries |
/// | 22 | 2 | flags: 1 = made again for a footer, without pages that did not verify |
/// | 24 | 8 | segment number |
/// | 32 | 8 | offset of this header in the file |
/// | 40 | 8 | synced up to: segment |
/// | 48 | 8 | synced up to: offset |
/// | 56 | 4 | reserved, 0 |
/// | 60 | 4 | CRC32C of the used bytes without this field, seeded with salt, segment and offset |
package struct ExtentHeader: Equatable, Sendable {
  package static let magic: UInt32 = 0x3154_5856
  /// What is written. Version 1 had places of longer digests (ExtentEntries.swift).
  package static let version: UInt16 = 2
  package static let fixedBytes = 64
  private static let checksumAt = 60
  private static let remadeFlag: UInt16 = 1

  /// On disk: never renumber.
  package enum Kind: UInt8, Sendable {
    case pages = 1
    case controls = 2
  }

  var version = Self.version
  package var kind: Kind
  package var usedBytes: Int
  package var payloadBytes: Int
  package var entryCount: Int
  /// Stands in a footer alone: the extent's own header names pages that a crash tore.
  package var isRemade = false
  package var position: LogPosition
  /// Everything before this was synced when the extent was written.
  package var syncedUpTo: LogPosition

  package var headerBytes: Int { SegmentFormat.padded(usedBytes) }

  /// Bytes of the whole extent in the file.
  package var extentBytes: Int { headerBytes + SegmentFormat.padded(payloadBytes) }

  /// A header without its place in the log, which is known only when space is reserved.
  package static func draft(
    _ kind: Kind, entries: [UInt8], entryCount: Int, payloadBytes: Int
  ) -> [UInt8] {
    let used = fixedBytes + entries.count
    precondition(used <= Limits.extentHeaderBytesMax, "extent header of \(used) bytes")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(used)
    bytes.appendLE(magic)
    bytes.appendLE(version)
    bytes.append(kind.rawValue)
    bytes.append(0)
    bytes.appendLE(UInt32(SegmentFormat.padded(used)))
    bytes.appendLE(UInt32(used))
    bytes.appendLE(UInt32(payloadBytes))
    bytes.appendLE(UInt16(entryCount))
    bytes.append(contentsOf: [UInt8](repeating: 0, count: fixedBytes - bytes.count))
    bytes.append(contentsOf: entries)
    return bytes
  }

  /// Writes place and checksum into a draft.
  package static func complete(
    _ draft: inout [UInt8], position: LogPosition, syncedUpTo: LogPosition, salt: UInt64
  ) {
    draft.storeLE(position.segment, at: 24)
    draft.storeLE(position.offset, at: 32)
    draft.storeLE(syncedUpTo.segment, at: 40)
    draft.storeLE(syncedUpTo.offset, at: 48)
    let checksum = checksum(draft.rawSpan, position: position, salt: salt)
    draft.storeLE(checksum, at: checksumAt)
  }

  /// Says in a draft that it is made for a footer, without the pages that did not verify.
  static func markRemade(_ draft: inout [UInt8]) { draft.storeLE(remadeFlag, at: 22) }

  /// The header in `bytes` (from its first byte, at least 64), or nil when there is none that
  /// checks. Lengths are believed only once the checksum over them held.
  package init?(
    _ bytes: RawSpan, position: LogPosition, salt: UInt64, path: String
  ) throws(LogError) {
    guard bytes.byteCount >= Self.fixedBytes, bytes.load(0, as: UInt32.self) == Self.magic
    else { return nil }
    let used = Int(bytes.load(12, as: UInt32.self))
    guard used >= Self.fixedBytes, used <= bytes.byteCount, used <= Limits.extentHeaderBytesMax,
      bytes.load(Self.checksumAt, as: UInt32.self)
        == Self.checksum(bytes.extracting(0..<used), position: position, salt: salt)
    else { return nil }
    let found: UInt16 = bytes.load(4)
    guard found == Self.version || found == 1 else {
      throw .unsupportedVersion(path: path, found: Int(found), supported: Int(Self.version))
    }
    guard let kind = Kind(rawValue: bytes.load(6)),
      Int(bytes.load(8, as: UInt32.self)) == SegmentFormat.padded(used),
      bytes.load(24, as: UInt64.self) == position.segment,
      bytes.load(32, as: UInt64.self) == position.offset
    else { return nil }
    version = found
    self.kind = kind
    usedBytes = used
    payloadBytes = Int(bytes.load(16, as: UInt32.self))
    entryCount = Int(bytes.load(20, as: UInt16.self))
    isRemade = bytes.load(22, as: UInt16.self) == Self.remadeFlag
    self.position = position
    syncedUpTo = LogPosition(segment: bytes.load(40), offset: bytes.load(48))
  }

  /// The used length claimed by the bytes, bounded; for knowing how much to read.
  static func claimedBytes(_ bytes: RawSpan) -> Int? {
    guard bytes.byteCount >= fixedBytes, bytes.load(0, as: UInt32.self) == magic else { return nil }
    let used = Int(bytes.load(12, as: UInt32.self))
    return used >= fixedBytes && used <= Limits.extentHeaderBytesMax ? used : nil
  }

  private static func checksum(_ used: RawSpan, position: LogPosition, salt: UInt64) -> UInt32 {
    let seed = SegmentFormat.seed(salt: salt, segment: position.segment, offset: position.offset)
    let start = CRC32C.checksum(used.extracting(0..<checksumAt), seed: seed)
    return CRC32C.checksum(used.extracting(fixedBytes..<used.byteCount), seed: start)
  }
}
