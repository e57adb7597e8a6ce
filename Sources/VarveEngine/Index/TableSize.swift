// How long a table can become, before it is written: the engine reserves that much of its capacity.

internal import VarveBase

package enum TableSize {
  /// No path record takes fewer, with its key and its framing: a tombstone's, at index 0.
  private static let pathRecordBytesMin =
    IndexKey.pathHeadBytes + 1 + PageID.byteCount + 1 + TableFormat.entryOverheadBytesMax

  /// What both records of an entry take at most, with their framing.
  static func flatBytes(of entry: MemtableEntry) -> UInt64 {
    let place = entry.place
    let record = entry.record
    let key = IndexKey.pathKeyBytes(index: place.index) + IndexKey.idKeyBytes
    let values =
      record.flatBodyBytes(under: .path) + record.flatBodyBytes(under: .id)
      + IndexRecord.placeBytes(place)
    return UInt64(key + values + 2 * TableFormat.entryOverheadBytesMax)
  }

  /// A file of at most `names` names, `records` records that take at most `flatBytes`, is not
  /// longer than this, in whole 4 KiB blocks.
  package static func upperBound(
    names: UInt64, flatBytes: UInt64, records: UInt64 = .max,
    blockBytes: Int = Limits.tableBlockBytes, censusBytes: Int = Varint.byteCountMax
  ) -> UInt64 {
    let head = UInt64(TableFormat.blockHeadBytes)
    // Every block but the last is at least as long as the target, and holds a record.
    let blocks = min(flatBytes / UInt64(blockBytes) + 1, max(1, records))
    let data = flatBytes + blocks * (head + UInt64(IndexBlock.tailBytes))
    let index = head + 4 + blocks * UInt64(3 + 3 + 2 + IndexKey.byteCountMax)
    // No path record brings more than one window.
    let windows = min(records, flatBytes / UInt64(pathRecordBytesMin) + 1)
    let filters = filterBytesMax(names) + filterBytesMax(windows)
    let properties =
      head
      + UInt64(10 * Varint.byteCountMax + 2 * (2 + IndexKey.byteCountMax) + censusBytes)
    let bytes =
      data + index + filters + namesBytes(names, blockBytes: blockBytes) + properties
      + UInt64(TableFooter.byteCount)
    let block = UInt64(Limits.blockBytes)
    return (bytes + block - 1) / block * block
  }

  /// A filter's block with as many bits a name as there may be.
  private static func filterBytesMax(_ names: UInt64) -> UInt64 {
    let bits = max(1, names) * UInt64(TableFilter.bitsPerNameMax)
    return UInt64(TableFormat.blockHeadBytes + TableFilter.headBytes) + (bits + 511) / 512 * 64
  }

  /// Names blocks and their directory.
  private static func namesBytes(_ names: UInt64, blockBytes: Int) -> UInt64 {
    let head = UInt64(TableFormat.blockHeadBytes)
    let bytes = names * UInt64(TableNames.nameBytesMax)
    // Every block but the last is at least as long as its target, and holds a name.
    let target = UInt64(min(Limits.tableNamesBytes, 4 * blockBytes))
    let blocks = min(bytes / target + 1, max(1, names))
    let perBlock = head + UInt64(TableNames.headBytes + TableNames.directoryEntryBytesMax)
    return bytes + blocks * perBlock + head + 4
  }

  /// The table that flushing `memtable` makes is not longer than this.
  package static func upperBound(
    flushing memtable: Memtable, blockBytes: Int = Limits.tableBlockBytes
  ) -> UInt64 {
    let (entries, pathTombstones) = memtable.contents()
    let sources = entries + pathTombstones.map(MemtableEntry.deleted)
    return upperBound(
      names: UInt64(sources.count), flatBytes: sources.reduce(0) { $0 + flatBytes(of: $1) },
      records: UInt64(2 * sources.count), blockBytes: blockBytes,
      censusBytes: memtable.census.byteCountMax)
  }

  /// The table that merging these makes is not longer than this.
  ///
  /// - Parameter censusBytes: of the inputs, from above.
  package static func upperBound(
    merging tables: [TableSummary], blockBytes: Int = Limits.tableBlockBytes,
    censusBytes: Int = Varint.byteCountMax
  ) -> UInt64 {
    upperBound(
      names: tables.reduce(0) { $0 + $1.counts.names },
      flatBytes: tables.reduce(0) { $0 + $1.counts.flatBytes },
      records: tables.reduce(0) { $0 + $1.counts.records }, blockBytes: blockBytes,
      censusBytes: censusBytes)
  }
}
