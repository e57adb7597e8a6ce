// Flushing: a memtable becomes a table. Both records of every entry are made here and sorted.

internal import VarveBase

package enum TableBuilder {
  /// Keys of all records, end to end, and what each stands for.
  private struct Records {
    var keys: [UInt8] = []
    var all: [Record] = []
  }

  private struct Record {
    let keyStart: Int
    let keyEnd: Int
    let kind: IndexKey.Kind
    /// Into the entries, and behind them the path tombstones.
    let source: Int
    let sequence: UInt64
  }

  /// Writes `memtable`, which is frozen, as table `number`; nil when it is empty.
  ///
  /// Takes transient memory of about a third of the memtable's for keys. The file and its name are
  /// synced; it takes force with the manifest edit `addTable`.
  ///
  /// - Parameter bitsPerName: told the names that its filter makes room for.
  package static func write(
    _ memtable: Memtable, to directory: TableDirectory, number: UInt64,
    bitsPerName: (UInt64) -> Double = { _ in Limits.filterBitsPerNameDefault }
  ) throws(IndexError) -> TableSummary? {
    let (entries, pathTombstones) = memtable.contents()
    guard !entries.isEmpty else { return nil }
    let sources = entries + pathTombstones.map(MemtableEntry.deleted)
    let records = sorted(sources, named: entries.count)
    let names = UInt64(sources.count)
    let writer = try directory.writer(
      number: number, names: names, bitsPerName: bitsPerName(names))
    var key: [UInt8] = []
    var place: [UInt8] = []
    for record in records.all {
      let own = records.keys[record.keyStart..<record.keyEnd]
      // Of siblings whose digests collide, and of an entry and an older tombstone at one place, the
      // higher sequence stands first and the others yield.
      if own.elementsEqual(key) { continue }
      key.removeAll(keepingCapacity: true)
      key.append(contentsOf: own)
      let source = sources[record.source]
      place.removeAll(keepingCapacity: true)
      if record.kind == .id { IndexRecord.appendPlace(source.place, to: &place) }
      try writer.add(
        key, source.record, record.kind, place: place[...], namespace: source.name.namespace)
    }
    let (fileBytes, counts) = try writer.finish(memtable.census)
    return TableSummary(number: number, order: number, fileBytes: fileBytes, counts: counts)
  }

  /// Key order; equal keys by falling sequence.
  private static func sorted(_ sources: [MemtableEntry], named: Int) -> Records {
    var records = Records()
    records.all.reserveCapacity(sources.count + named)
    for (index, source) in sources.enumerated() {
      var start = records.keys.count
      IndexKey.appendPath(source.name, at: source.place, to: &records.keys)
      add(.path, from: start, index, source, &records)
      guard index < named else { continue }
      start = records.keys.count
      IndexKey.appendID(source.name, to: &records.keys)
      add(.id, from: start, index, source, &records)
    }
    let keys = records.keys
    records.all.sort { left, right in
      let order = ByteOrder.compare(
        keys.rawSpan, left.keyStart..<left.keyEnd, keys.rawSpan, right.keyStart..<right.keyEnd)
      return order == 0 ? left.sequence > right.sequence : order < 0
    }
    return records
  }

  private static func add(
    _ kind: IndexKey.Kind, from start: Int, _ index: Int, _ source: MemtableEntry,
    _ records: inout Records
  ) {
    records.all.append(
      Record(
        keyStart: start, keyEnd: records.keys.count, kind: kind, source: index,
        sequence: source.record.sequence))
  }
}
