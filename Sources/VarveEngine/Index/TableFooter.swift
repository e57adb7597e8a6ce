// The last bytes of a table file: its version and where its parts lie.
//
//   0  8  number of the table
//   8  8  offset of the index block
//  16  8  offset of the id filter
//  24  8  offset of the anchor filter
//  32  8  offset of the names directory
//  40  8  offset of the properties
//  48  4  version (3)
//  52  4  CRC32C of 0 ..< 52, seeded with the table's number and the footer's offset
//  56  8  magic "VARVESST"
// The last 16 bytes keep their meaning in every version, and the 64 their length from version 2 on
// (version 1 had 48): so a damaged version is told from another one.

internal import VarveBase

/// Where the parts of a table file lie, each up to the next.
struct TableFooter: Equatable {
  static let byteCount = 64
  private static let byteCountOfVersion1 = 48

  var version = TableFormat.version
  var number: UInt64
  var indexOffset: UInt64
  var filterOffset: UInt64
  var anchorFilterOffset: UInt64
  var namesOffset: UInt64
  var propertiesOffset: UInt64

  private var offsets: [UInt64] {
    [indexOffset, filterOffset, anchorFilterOffset, namesOffset, propertiesOffset]
  }

  func bytes(at offset: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendLE(number)
    for offset in offsets { bytes.appendLE(offset) }
    bytes.appendLE(version)
    bytes.appendLE(FormatChecksum.of(bytes, [], number: number, offset: offset))
    bytes.append(contentsOf: TableFormat.magic)
    return bytes
  }
}

extension TableFooter {
  /// - Parameters:
  ///   - tail: the last bytes of the file: 64, or all of a shorter one.
  ///   - number: what the file's name says.
  ///   - size: bytes of the whole file.
  /// - Throws: `.outdated` for a version before this one, `.unknownVersion` for a later one.
  init(tail: [UInt8], number: UInt64, size: UInt64, file: String) throws(IndexError) {
    let expect = ManifestFormat.expect
    let span = tail.rawSpan
    let least = Self.byteCountOfVersion1
    try expect(tail.count >= least, file, 0, "file length", UInt64(least), size)
    let magicBytes = TableFormat.magic
    let magic: UInt64 = magicBytes.rawSpan.load(0)
    let found: UInt64 = span.load(tail.count - 8)
    try expect(found == magic, file, size - 8, "magic", magic, found)
    let version: UInt32 = span.load(tail.count - 16)
    let length = version == 1 ? Self.byteCountOfVersion1 : Self.byteCount
    try expect(tail.count >= length, file, 0, "file length", UInt64(length), size)
    let begin = tail.count - length
    let offset = size - UInt64(length)
    let checked = Array(tail[begin..<tail.count - 12])
    let checksum = FormatChecksum.of(checked, [], number: number, offset: offset)
    let stored: UInt32 = span.load(tail.count - 12)
    try expect(
      stored == checksum, file, size - 12, "footer checksum", UInt64(checksum), UInt64(stored))
    let supported = TableFormat.version
    if version == 0 || version > supported {
      throw .unknownVersion(file: file, found: version, supported: supported)
    }
    if version < supported {
      throw .outdated(file: file, found: version, supported: supported)
    }
    func field(_ index: Int) -> UInt64 { span.load(begin + 8 * index) }
    self.version = version
    self.number = field(0)
    indexOffset = field(1)
    filterOffset = field(2)
    anchorFilterOffset = field(3)
    namesOffset = field(4)
    propertiesOffset = field(5)
    try expect(self.number == number, file, offset, "table number", number, self.number)
    let ends = offsets.dropFirst() + [offset]
    for (index, (start, end)) in zip(offsets, ends).enumerated() {
      try expect(start <= end, file, offset + UInt64(8 * index + 8), "offset of a part", end, start)
    }
  }
}
