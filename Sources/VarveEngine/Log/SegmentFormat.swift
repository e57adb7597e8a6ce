// The two fixed blocks of a segment file: its header at byte 0 and, once sealed, its trailer in the
// last 4 KiB. The longer story is docs/storage-format.md.

internal import VarveBase

/// Segment header, one 4 KiB block; the rest is zero but for a copy of the first 64 bytes at 2,048
/// (files from before there was one have zeros there).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic `VARVELOG` |
/// | 8 | 4 | format version, 1 |
/// | 12 | 4 | byte-order mark 0x0A0B0C0D |
/// | 16 | 8 | segment number |
/// | 24 | 16 | boot id |
/// | 40 | 8 | created, milliseconds since 1970 |
/// | 48 | 8 | salt: random, seeds the checksums of everything in the segment |
/// | 56 | 4 | reserved, 0 |
/// | 60 | 4 | CRC32C of bytes 0-59 |
///
/// The salt keeps a client from storing a page whose bytes pass for an extent when the tail scan
/// looks for the next header behind a hole: it cannot know the seed. Without it nothing in the
/// segment can be read, and until the trailer repeats it the copy is what a flipped bit leaves.
package struct SegmentHeader: Equatable, Sendable {
  package static let magic = Array("VARVELOG".utf8)
  package static let version: UInt32 = 1
  package static let byteOrderMark: UInt32 = 0x0A0B_0C0D
  package static let byteCount = Limits.blockBytes
  private static let usedBytes = 64
  package static let copyOffset = byteCount / 2

  package var number: UInt64
  package var bootID: BootID
  package var createdMillis: UInt64
  package var salt: UInt64

  package init(number: UInt64, bootID: BootID, createdMillis: UInt64, salt: UInt64) {
    self.number = number
    self.bootID = bootID
    self.createdMillis = createdMillis
    self.salt = salt
  }

  package func encoded() -> [UInt8] {
    var bytes = Self.magic
    bytes.appendLE(Self.version)
    bytes.appendLE(Self.byteOrderMark)
    bytes.appendLE(number)
    bytes.appendLE(bootID.word0)
    bytes.appendLE(bootID.word1)
    bytes.appendLE(createdMillis)
    bytes.appendLE(salt)
    bytes.appendLE(UInt32(0))
    bytes.appendLE(CRC32C.checksum(bytes))
    let half = bytes + [UInt8](repeating: 0, count: Self.copyOffset - bytes.count)
    return half + half
  }

  /// Checks the whole block, the copy and a number other than the file name's included.
  package init(_ bytes: RawSpan, path: String, number: UInt64) throws(LogError) {
    try self.init(at: 0, bytes, path: path, number: number)
    let copy = bytes.extracting(Self.copyOffset..<Self.copyOffset + Self.usedBytes)
    guard
      SegmentFormat.isZero(bytes.extracting(0..<Self.copyOffset), from: Self.usedBytes),
      SegmentFormat.isZero(bytes, from: Self.copyOffset + Self.usedBytes),
      SegmentFormat.isZero(copy, from: 0)
        || copy.copy(0, count: Self.usedBytes) == bytes.copy(0, count: Self.usedBytes)
    else {
      throw .corrupt(
        path: path, offset: UInt64(Self.usedBytes), reason: "header with bytes behind its end")
    }
  }

  /// The header as far as the block still has one: of a damaged block the half that is sound, and
  /// what is wrong with the other.
  package static func salvaged(
    _ bytes: RawSpan, path: String, number: UInt64
  ) throws(LogError) -> (header: SegmentHeader, damage: LogError?) {
    do throws(LogError) {
      return (try SegmentHeader(bytes, path: path, number: number), nil)
    } catch {
      guard error.isDamage else { throw error }
      for offset in [0, copyOffset] {
        if let half = try? SegmentHeader(at: offset, bytes, path: path, number: number) {
          return (half, error)
        }
      }
      throw error
    }
  }

  private init(
    at offset: Int, _ block: RawSpan, path: String, number expected: UInt64
  ) throws(LogError) {
    guard block.byteCount == Self.byteCount else {
      throw .corrupt(path: path, offset: 0, reason: "\(block.byteCount) bytes, not a block")
    }
    let bytes = block.extracting(offset..<offset + Self.usedBytes)
    try SegmentFormat.checkStart(bytes, Self.magic, path: path, offset: UInt64(offset))
    // The checksum first: a flipped bit of the version is damage, not another release.
    guard bytes.load(60, as: UInt32.self) == CRC32C.checksum(bytes.extracting(0..<60)) else {
      throw .corrupt(path: path, offset: UInt64(offset), reason: "header checksum")
    }
    let found: UInt32 = bytes.load(8)
    guard found == Self.version else {
      throw .unsupportedVersion(path: path, found: Int(found), supported: Int(Self.version))
    }
    number = bytes.load(16)
    bootID = BootID(bytes.load(24), bytes.load(32))
    createdMillis = bytes.load(40)
    salt = bytes.load(48)
    guard number == expected else {
      throw .corrupt(path: path, offset: 0, reason: "header names segment \(number)")
    }
  }
}

/// Segment trailer, the last 4 KiB of a sealed segment; the rest is zero.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic `VARVEEND` |
/// | 8 | 4 | format version, 1 |
/// | 12 | 4 | byte-order mark |
/// | 16 | 8 | segment number |
/// | 24 | 8 | salt, as in the header |
/// | 32 | 8 | footer offset |
/// | 40 | 4 | footer bytes, without padding |
/// | 44 | 4 | extents |
/// | 48 | 4 | pages |
/// | 52 | 4 | control entries |
/// | 56 | 8 | payload bytes |
/// | 64 | 8 | highest birth or control sequence |
/// | 72 | 4 | CRC32C of the footer, as the footer itself has it |
/// | 76 | 4 | CRC32C of bytes 0-75 |
package struct SegmentTrailer: Equatable, Sendable {
  package static let magic = Array("VARVEEND".utf8)
  package static let byteCount = Limits.blockBytes

  package var number: UInt64
  package var salt: UInt64
  package var footerOffset: UInt64
  package var footerBytes: UInt32
  package var extentCount: UInt32
  package var pageCount: UInt32
  package var controlCount: UInt32
  package var payloadBytes: UInt64
  package var sequenceMax: UInt64
  package var footerChecksum: UInt32

  package init(
    number: UInt64, salt: UInt64, footerOffset: UInt64, footerBytes: UInt32, extentCount: UInt32,
    pageCount: UInt32, controlCount: UInt32, payloadBytes: UInt64, sequenceMax: UInt64,
    footerChecksum: UInt32
  ) {
    self.number = number
    self.salt = salt
    self.footerOffset = footerOffset
    self.footerBytes = footerBytes
    self.extentCount = extentCount
    self.pageCount = pageCount
    self.controlCount = controlCount
    self.payloadBytes = payloadBytes
    self.sequenceMax = sequenceMax
    self.footerChecksum = footerChecksum
  }

  package func encoded() -> [UInt8] {
    var bytes = Self.magic
    bytes.appendLE(SegmentHeader.version)
    bytes.appendLE(SegmentHeader.byteOrderMark)
    bytes.appendLE(number)
    bytes.appendLE(salt)
    bytes.appendLE(footerOffset)
    bytes.appendLE(footerBytes)
    bytes.appendLE(extentCount)
    bytes.appendLE(pageCount)
    bytes.appendLE(controlCount)
    bytes.appendLE(payloadBytes)
    bytes.appendLE(sequenceMax)
    bytes.appendLE(footerChecksum)
    bytes.appendLE(CRC32C.checksum(bytes))
    return bytes + [UInt8](repeating: 0, count: Self.byteCount - bytes.count)
  }

  /// The trailer in the last block of a file, or nil when that block is something else: an unsealed
  /// segment ends in an extent, and what that extent holds cannot know the salt.
  package init?(_ bytes: RawSpan, header: SegmentHeader, fileBytes: UInt64) {
    self.init(bytes, fileBytes: fileBytes)
    guard number == header.number, salt == header.salt else { return nil }
  }

  /// The trailer of a file whose header is lost: it repeats number and salt under a checksum of its
  /// own.
  package init?(_ bytes: RawSpan, number: UInt64, fileBytes: UInt64) {
    self.init(bytes, fileBytes: fileBytes)
    guard self.number == number else { return nil }
  }

  private init?(_ bytes: RawSpan, fileBytes: UInt64) {
    guard bytes.byteCount == Self.byteCount, bytes.copy(0, count: 8) == Self.magic,
      bytes.load(8, as: UInt32.self) == SegmentHeader.version,
      bytes.load(12, as: UInt32.self) == SegmentHeader.byteOrderMark,
      bytes.load(76, as: UInt32.self) == CRC32C.checksum(bytes.extracting(0..<76)),
      SegmentFormat.isZero(bytes, from: 80)
    else { return nil }
    number = bytes.load(16)
    salt = bytes.load(24)
    footerOffset = bytes.load(32)
    footerBytes = bytes.load(40)
    extentCount = bytes.load(44)
    pageCount = bytes.load(48)
    controlCount = bytes.load(52)
    payloadBytes = bytes.load(56)
    sequenceMax = bytes.load(64)
    footerChecksum = bytes.load(72)
    let block = UInt64(Limits.blockBytes)
    guard footerOffset % block == 0, footerOffset >= block, footerOffset <= fileBytes,
      footerOffset + SegmentFormat.padded(UInt64(footerBytes)) + block == fileBytes
    else { return nil }
  }

  /// The numbers of the sealed file, for the engine's tables.
  package func summary(fileBytes: UInt64) -> SegmentSummary {
    SegmentSummary(
      number: number, fileBytes: fileBytes, extentCount: Int(extentCount),
      pageCount: Int(pageCount), controlCount: Int(controlCount), payloadBytes: payloadBytes,
      sequenceMax: sequenceMax)
  }
}

/// What the parts of a segment share: names, padding, and the seed of their checksums.
package enum SegmentFormat {
  private static let suffix = ".vlog"

  package static func fileName(_ number: UInt64) -> String {
    ManifestFormat.hex(number, digits: 16) + suffix
  }

  /// The number in a file name; nil for a name that is not exactly one of ours.
  package static func number(fileName: String) -> UInt64? {
    guard fileName.hasSuffix(suffix) else { return nil }
    return ManifestFormat.number(ofHex: fileName.dropLast(suffix.count))
  }

  package static func path(_ directory: String, _ number: UInt64) -> String {
    directory + "/" + fileName(number)
  }

  /// Up to the next multiple of 4 KiB.
  package static func padded<T: BinaryInteger>(_ count: T) -> T {
    (count + 4095) / 4096 * 4096
  }

  /// CRC32C over salt, segment and offset: where a block belongs is part of its checksum, so that a
  /// stale block or a misdirected read is a miss.
  package static func seed(salt: UInt64, segment: UInt64, offset: UInt64) -> UInt32 {
    var bytes: [UInt8] = []
    bytes.appendLE(salt)
    bytes.appendLE(segment)
    bytes.appendLE(offset)
    return CRC32C.checksum(bytes)
  }

  static func isZero(_ bytes: RawSpan, from start: Int) -> Bool {
    for index in start..<bytes.byteCount where bytes.load(index, as: UInt8.self) != 0 {
      return false
    }
    return true
  }

  static func checkStart(
    _ bytes: RawSpan, _ magic: [UInt8], path: String, offset: UInt64
  ) throws(LogError) {
    guard bytes.copy(0, count: 8) == magic else {
      throw .corrupt(path: path, offset: offset, reason: "no magic")
    }
    // No flip of one bit makes the one mark of the other.
    let mark: UInt32 = bytes.load(12)
    if mark == SegmentHeader.byteOrderMark.byteSwapped { throw .foreignByteOrder(path: path) }
    guard mark == SegmentHeader.byteOrderMark else {
      throw .corrupt(path: path, offset: offset, reason: "byte-order mark")
    }
  }
}
