// The parts of a table that are read when it is opened: footer, properties, filters, block index,
// names directory.

internal import VarveFile

/// Each part is checked by itself and against what the manifest says of the table.
struct TableParts {
  let file: any File
  let filter: TableFilter
  let anchorFilter: TableFilter
  /// Where the names blocks lie.
  let names: [Range<UInt64>]
  let properties: TableProperties
  let blocks: TableBlockIndex

  init(_ files: any FileSystem, _ path: String, _ summary: TableSummary) throws(IndexError) {
    let expect = ManifestFormat.expect
    let size: UInt64
    do throws(FileError) {
      file = try files.open(path, .read(direct: false))
      size = try file.size()
    } catch {
      if error.isNotFound { throw .missing(file: path) }
      throw .file(error)
    }
    try expect(size == summary.fileBytes, path, 0, "file length", summary.fileBytes, size)
    let footer = try Self.footer(file, size: size, number: summary.number)
    let reader = PartReader(file: file, number: summary.number, path: path)
    let end = size - UInt64(TableFooter.byteCount)
    guard
      let properties = TableProperties(
        try reader.payload(.properties, footer.propertiesOffset..<end))
    else { throw reader.corrupt(footer.propertiesOffset, "properties") }
    guard
      let filter = TableFilter(
        try reader.payload(.filter, footer.filterOffset..<footer.anchorFilterOffset))
    else { throw reader.corrupt(footer.filterOffset, "filter") }
    anchorFilter = try reader.anchorFilter(footer)
    names = try reader.names(footer)
    let namesBytes = names.reduce(0) { $0 + UInt64($1.count) }
    guard
      let blocks = TableBlockIndex(
        try reader.payload(.index, footer.indexOffset..<footer.filterOffset),
        dataBytes: footer.indexOffset, otherBytes: namesBytes)
    else { throw reader.corrupt(footer.indexOffset, "block index") }
    try expect(
      UInt64(blocks.count) == properties.blocks, path, footer.propertiesOffset, "count of blocks",
      UInt64(blocks.count), properties.blocks)
    for (expected, found) in zip(summary.counts.numbers, properties.counts.numbers) {
      try expect(
        expected == found, path, footer.propertiesOffset, "count that the manifest has too",
        expected, found)
    }
    self.properties = properties
    self.filter = filter
    self.blocks = blocks
  }

  /// Length and counts as the table itself has them, for whoever has no manifest.
  static func counts(
    _ files: any FileSystem, _ path: String, number: UInt64
  ) throws(IndexError) -> (fileBytes: UInt64, counts: TableCounts) {
    let (file, size) = try ManifestStore.wrap { () throws(FileError) in
      let file = try files.open(path, .read(direct: false))
      return (file, try file.size())
    }
    let footer = try footer(file, size: size, number: number)
    let end = size - UInt64(TableFooter.byteCount)
    let reader = PartReader(file: file, number: number, path: path)
    guard
      let properties = TableProperties(
        try reader.payload(.properties, footer.propertiesOffset..<end))
    else { throw reader.corrupt(footer.propertiesOffset, "properties") }
    return (size, properties.counts)
  }

  private static func footer(
    _ file: any File, size: UInt64, number: UInt64
  ) throws(IndexError) -> TableFooter {
    let count = min(size, UInt64(TableFooter.byteCount))
    let tail = try read(file, size - count..<size)
    return try TableFooter(tail: tail, number: number, size: size, file: file.path)
  }

  fileprivate static func read(
    _ file: any File, _ range: Range<UInt64>
  ) throws(IndexError) -> [UInt8] {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try file.read(count: range.count, at: range.lowerBound)
    } catch {
      throw .file(error)
    }
    try ManifestFormat.expect(
      bytes.count == range.count, file.path, range.lowerBound, "bytes that could be read",
      UInt64(range.count), UInt64(bytes.count))
    return bytes
  }
}

private struct PartReader {
  let file: any File
  let number: UInt64
  let path: String

  func payload(
    _ kind: TableFormat.BlockKind, _ range: Range<UInt64>
  ) throws(IndexError) -> [UInt8] {
    try TableFormat.payload(
      of: TableParts.read(file, range), kind, number: number, offset: range.lowerBound, file: path)
  }

  func anchorFilter(_ footer: TableFooter) throws(IndexError) -> TableFilter {
    let range = footer.anchorFilterOffset..<footer.namesOffset
    guard let filter = TableFilter(try payload(.anchorFilter, range)) else {
      throw corrupt(range.lowerBound, "anchor filter")
    }
    return filter
  }

  func names(_ footer: TableFooter) throws(IndexError) -> [Range<UInt64>] {
    let range = footer.namesOffset..<footer.propertiesOffset
    let payload = try payload(.namesDirectory, range)
    guard let ranges = TableNames.ranges(payload, dataBytes: footer.indexOffset) else {
      throw corrupt(range.lowerBound, "names directory")
    }
    return ranges
  }

  func corrupt(_ offset: UInt64, _ what: String) -> IndexError {
    .corrupt(file: path, offset: offset, what: what, expected: 1, found: 0)
  }
}
