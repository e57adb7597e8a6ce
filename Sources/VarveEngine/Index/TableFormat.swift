// Bytes of a table file: `tables/%016x.sst`, written once. Little-endian.
//
//   data blocks, in key order from offset 0, and between them names blocks (TableNames.swift)
//   index block      every data block: where it lies and a lower bound of its keys
//   id filter        TableFilter.swift
//   anchor filter    of the same form, over the windows that path records stand in
//   names directory  TableNames.swift
//   properties block counts, lowest and highest key
//   footer           TableFooter.swift
//
// block
//   0  1  kind
//   1  1  codec: 1 raw
//   2  2  zero
//   4  4  payload bytes
//   8  4  CRC32C of 0 ..< 8 and the payload, seeded with the table's number and the block's offset
//  12  n  payload
//
// payload of a data block: entries, then the offsets of the restart points (4 each), their count
//   (4), and the base of its records: put time (8) and raw bytes (4) of the first page in it, zeros
//   where there is none
//   entry: shared bytes (v), own bytes (v), value bytes (v), own key bytes, value
//   An entry shares its first bytes with the key before it; every 16th is a restart and shares
//   none.
// payload of the index block: count (4), then for each data block: bytes between it and the data
//   block before (v), size with its head (v), bound length (v), bound. All
//   keys of a block are at or above its bound, all before it are below.
// v: LEB128.

internal import VarveBase
internal import VarveFile

package enum TableFormat {
  /// On disk: never renumber.
  enum BlockKind: UInt8 {
    case data = 1
    case index = 2
    case filter = 3
    case properties = 4
    case names = 5
    case namesDirectory = 6
    case anchorFilter = 7
  }

  /// What is written and read. A table of a version before is made anew from the segments.
  package static let version: UInt32 = 3
  static let codecRaw: UInt8 = 1
  static let magic = Array("VARVESST".utf8)
  static let blockHeadBytes = 12
  static let restartInterval = 16
  /// Two lengths within a key of one byte, that of a value of two, and a place among the restart
  /// points.
  static let entryOverheadBytesMax = 1 + 1 + 2 + 4
  /// A data block ends with the entry that fills it, so it is longer than the target by one entry
  /// and the restart points.
  static let dataPayloadBytesMax = 2 * Limits.tableBlockBytes
  static let valueBytesMax =
    IndexRecord.bodyBytesMax + IndexRecord.placeHeadBytes
    + (Limits.windowPages - 1) * WindowPlace.digestBytes
  static let suffix = ".sst"

  package static func name(_ number: UInt64) -> String {
    ManifestFormat.hex(number, digits: 16) + suffix
  }

  /// The number in a table's name; nil for every other name.
  package static func number(ofName name: String) -> UInt64? {
    guard name.hasSuffix(suffix) else { return nil }
    return ManifestFormat.number(ofHex: name.dropLast(suffix.count))
  }

  static func block(
    _ kind: BlockKind, _ payload: [UInt8], number: UInt64, offset: UInt64
  ) -> [UInt8] {
    precondition(payload.count <= Int(UInt32.max), "a block of \(payload.count) bytes")
    var bytes = [kind.rawValue, codecRaw, 0, 0]
    bytes.appendLE(UInt32(payload.count))
    bytes.appendLE(FormatChecksum.of(bytes, payload, number: number, offset: offset))
    bytes.append(contentsOf: payload)
    return bytes
  }

  /// The payload of the block that fills `bytes` exactly.
  static func payload(
    of bytes: [UInt8], _ kind: BlockKind, number: UInt64, offset: UInt64, file: String
  ) throws(IndexError) -> [UInt8] {
    try check(bytes.rawSpan, kind, number: number, offset: offset, file: file)
    return Array(bytes[blockHeadBytes...])
  }

  /// Throws unless `bytes` are a whole block that belongs there.
  static func check(
    _ bytes: RawSpan, _ kind: BlockKind, number: UInt64, offset: UInt64, file: String
  ) throws(IndexError) {
    let expect = ManifestFormat.expect
    try expect(
      bytes.byteCount >= blockHeadBytes, file, offset, "block length", UInt64(blockHeadBytes),
      UInt64(bytes.byteCount))
    let found: UInt32 = bytes.load(8)
    let head = CRC32C.checksum(
      bytes.extracting(0..<8), seed: FormatChecksum.seed(number: number, offset: offset))
    let checksum = CRC32C.checksum(bytes.extracting(blockHeadBytes..<bytes.byteCount), seed: head)
    try expect(found == checksum, file, offset, "block checksum", UInt64(checksum), UInt64(found))
    let kindFound: UInt8 = bytes.load(0)
    let codecFound: UInt8 = bytes.load(1)
    try expect(
      kindFound == kind.rawValue, file, offset, "block kind", UInt64(kind.rawValue),
      UInt64(kindFound))
    try expect(
      codecFound == codecRaw, file, offset, "block codec", UInt64(codecRaw), UInt64(codecFound))
    let length: UInt32 = bytes.load(4)
    try expect(
      Int(length) == bytes.byteCount - blockHeadBytes, file, offset, "payload length",
      UInt64(bytes.byteCount - blockHeadBytes), UInt64(length))
  }
}
