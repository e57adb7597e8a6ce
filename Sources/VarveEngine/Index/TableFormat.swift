// Bytes of a table file: `tables/%016x.sst`, written once. Little-endian.
//
//   data blocks, one behind the other from offset 0, in key order
//   index block      every data block: its size and a lower bound of its keys
//   filter block     TableFilter.swift
//   properties block counts, lowest and highest key
//   footer           48 bytes, the end of the file
//
// block                                 footer
//   0  1  kind                            0  8  number of the table
//   1  1  codec: 1 raw                    8  8  offset of the index block
//   2  2  zero                           16  8  offset of the filter block
//   4  4  payload bytes                  24  8  offset of the properties block
//   8  4  CRC32C of 0 ..< 8 and the      32  4  version (1)
//         payload, seeded with the       36  4  CRC32C of 0 ..< 36, seeded in the same way
//         table's number and the         40  8  magic "VARVESST"
//         block's offset
//  12  n  payload
//
// payload of a data block: entries, then the offsets of the restart points (4 each), their count
// (4)
//   entry: shared bytes (v), own bytes (v), value bytes (v), own key bytes, value
//   An entry shares its first bytes with the key before it; every 16th is a restart and shares
//   none.
// payload of the index block: count (4), then for each data block: bytes with its head (v), bound
//   length (v), bound. All keys of a block are at or above its bound, all before it are below.
// v: LEB128. The last 16 bytes of the file keep their meaning in every version.

internal import VarveBase
internal import VarveFile

package enum TableFormat {
  /// On disk: never renumber.
  enum BlockKind: UInt8 {
    case data = 1
    case index = 2
    case filter = 3
    case properties = 4
  }

  package static let version: UInt32 = 1
  static let codecRaw: UInt8 = 1
  static let magic = Array("VARVESST".utf8)
  static let blockHeadBytes = 12
  static let footerBytes = 48
  static let restartInterval = 16
  /// Three lengths of at most two bytes, and a place among the restart points.
  static let entryOverheadBytesMax = 3 * 2 + 4
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
    let expect = ManifestFormat.expect
    try expect(
      bytes.count >= blockHeadBytes, file, offset, "block length", UInt64(blockHeadBytes),
      UInt64(bytes.count))
    let span = bytes.rawSpan
    let found: UInt32 = span.load(8)
    let head = CRC32C.checksum(
      span.extracting(0..<8), seed: FormatChecksum.seed(number: number, offset: offset))
    let checksum = CRC32C.checksum(span.extracting(blockHeadBytes..<bytes.count), seed: head)
    try expect(found == checksum, file, offset, "block checksum", UInt64(checksum), UInt64(found))
    try expect(
      bytes[0] == kind.rawValue, file, offset, "block kind", UInt64(kind.rawValue),
      UInt64(bytes[0]))
    try expect(
      bytes[1] == codecRaw, file, offset, "block codec", UInt64(codecRaw), UInt64(bytes[1]))
    let length: UInt32 = span.load(4)
    try expect(
      Int(length) == bytes.count - blockHeadBytes, file, offset, "payload length",
      UInt64(bytes.count - blockHeadBytes), UInt64(length))
    return Array(bytes[blockHeadBytes...])
  }
}

/// Where the parts of a table file lie.
struct TableFooter: Equatable {
  var number: UInt64
  var indexOffset: UInt64
  var filterOffset: UInt64
  var propertiesOffset: UInt64

  func bytes(at offset: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendLE(number)
    bytes.appendLE(indexOffset)
    bytes.appendLE(filterOffset)
    bytes.appendLE(propertiesOffset)
    bytes.appendLE(TableFormat.version)
    bytes.appendLE(FormatChecksum.of(bytes, [], number: number, offset: offset))
    bytes.append(contentsOf: TableFormat.magic)
    return bytes
  }

  /// - Parameters:
  ///   - bytes: the last 48 bytes of the file, which begin at `offset`.
  ///   - number: what the file's name says.
  init(
    _ bytes: [UInt8], number: UInt64, offset: UInt64, file: String
  ) throws(IndexError) {
    precondition(bytes.count == TableFormat.footerBytes, "a footer has 48 bytes")
    let expect = ManifestFormat.expect
    let span = bytes.rawSpan
    let magicBytes = TableFormat.magic
    let magic: UInt64 = magicBytes.rawSpan.load(0)
    try expect(span.load(40) == magic, file, offset + 40, "magic", magic, span.load(40))
    let checksum = FormatChecksum.of(Array(bytes[0..<36]), [], number: number, offset: offset)
    let found: UInt32 = span.load(36)
    try expect(
      found == checksum, file, offset + 36, "footer checksum", UInt64(checksum), UInt64(found))
    let version: UInt32 = span.load(32)
    if version != TableFormat.version {
      throw .unknownVersion(file: file, found: version, supported: TableFormat.version)
    }
    self.number = span.load(0)
    indexOffset = span.load(8)
    filterOffset = span.load(16)
    propertiesOffset = span.load(24)
    try expect(self.number == number, file, offset, "table number", number, self.number)
    try expect(
      indexOffset <= filterOffset, file, offset + 8, "index offset", filterOffset, indexOffset)
    try expect(
      filterOffset <= propertiesOffset, file, offset + 16, "filter offset", propertiesOffset,
      filterOffset)
    try expect(
      propertiesOffset <= offset, file, offset + 24, "properties offset", offset, propertiesOffset)
  }

  init(number: UInt64, indexOffset: UInt64, filterOffset: UInt64, propertiesOffset: UInt64) {
    self.number = number
    self.indexOffset = indexOffset
    self.filterOffset = filterOffset
    self.propertiesOffset = propertiesOffset
  }
}
