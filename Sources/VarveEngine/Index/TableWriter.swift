// Writes one table file from records in key order. A writer that is let go before `finish` removes
// what it wrote.

internal import VarveBase
internal import VarveFile

final class TableWriter {
  private let files: any FileSystem
  private let path: String
  private let number: UInt64
  private let file: any File
  private var pending: [UInt8] = []
  private var written: UInt64 = 0
  private var block = IndexBlockBuilder()
  private var value: [UInt8] = []
  private var lastKeyBefore: [UInt8] = []
  private var index: [UInt8] = []
  private var filter: TableFilter
  private let bitsPerName: Double
  private var windows: TableWindows
  private var names = TableNamesBuilder()
  /// End of the last data block.
  private var dataEnd: UInt64 = 0
  private let ledger: MemoryLedger?
  private let blockBytes: Int
  private let reservedBytes: Int
  private var properties = TableProperties()
  private var isFinished = false

  /// - Parameters:
  ///   - names: how many names the filter makes room for.
  ///   - bitsPerName: of both filters (`FilterPlan`).
  ///   - ledger: charged with the filters while they are made.
  init(
    _ files: any FileSystem, path: String, number: UInt64, names: Int, bitsPerName: Double,
    ledger: MemoryLedger?, blockBytes: Int = Limits.tableBlockBytes
  ) throws(IndexError) {
    let bytes = TableFilter.byteCount(names: names, bitsPerName: bitsPerName)
    if let ledger, !ledger.reserve(bytes, for: .filter) {
      throw .memoryFull(bytes: bytes, limit: ledger.limitBytes)
    }
    do throws(FileError) {
      file = try files.open(path, .create(direct: false))
    } catch {
      ledger?.release(bytes, for: .filter)
      throw .file(error)
    }
    self.files = files
    self.path = path
    self.number = number
    self.ledger = ledger
    self.blockBytes = blockBytes
    reservedBytes = bytes
    self.bitsPerName = bitsPerName
    filter = TableFilter(names: names, bitsPerName: bitsPerName)
    windows = TableWindows(ledger)
  }

  deinit {
    ledger?.release(reservedBytes, for: .filter)
    // What stays behind is not in the manifest, so the next start removes it.
    if !isFinished { try? files.remove(path) }
  }

  /// Bytes given to the file so far, for the pace of a merge.
  var byteCount: UInt64 { written + UInt64(pending.count) }
  var isEmpty: Bool { properties.counts.records == 0 }

  /// Appends a record. Keys rise strictly.
  ///
  /// - Parameter place: of an id record, as it is written.
  func add(
    _ key: [UInt8], _ record: IndexRecord, _ kind: IndexKey.Kind, place: ArraySlice<UInt8>,
    namespace: UInt32
  ) throws(IndexError) {
    precondition(place.isEmpty == (kind == .path), "id records have a place, path records none")
    value.removeAll(keepingCapacity: true)
    record.appendBody(to: &value, under: kind, base: block.base(for: record))
    value.append(contentsOf: place)
    precondition(value.count <= TableFormat.valueBytesMax, "a value of \(value.count) bytes")
    block.add(key, value)
    if properties.counts.records == 0 { properties.keyMin = key }
    properties.keyMax = key
    properties.counts.count(record, kind, keyBytes: key.count, placeBytes: place.count)
    let hash = TableFilter.hash(PageName(namespace: namespace, id: record.id))
    filter.insert(hash)
    switch kind {
    case .path: windows.add(namespace, key)
    case .id: names.add(record, namespace: namespace, hash: hash)
    }
    if block.byteCount >= blockBytes { try finishBlock() }
    if names.byteCount >= min(Limits.tableNamesBytes, 4 * blockBytes) { try finishNames() }
  }

  private func finishBlock() throws(IndexError) {
    guard block.count > 0 else { return }
    var bound: [UInt8] = []
    if properties.blocks > 0 {
      let first = block.firstKey
      let common = ByteOrder.commonPrefix(
        lastKeyBefore.rawSpan, 0..<lastKeyBefore.count, first.rawSpan, 0..<first.count)
      bound = Array(first[0...common])
    }
    lastKeyBefore = block.lastKey
    let bytes = TableFormat.block(.data, block.finish(), number: number, offset: byteCount)
    Varint.append(byteCount - dataEnd, to: &index)
    Varint.append(UInt64(bytes.count), to: &index)
    Varint.append(UInt64(bound.count), to: &index)
    index.append(contentsOf: bound)
    properties.blocks += 1
    try append(bytes)
    dataEnd = byteCount
  }

  private func finishNames() throws(IndexError) {
    guard names.count > 0 else { return }
    let offset = byteCount
    try appendBlock(.names, names.finishBlock(at: offset))
  }

  /// Returns where the block stands.
  @discardableResult
  private func appendBlock(
    _ kind: TableFormat.BlockKind, _ payload: [UInt8]
  ) throws(IndexError) -> UInt64 {
    let offset = byteCount
    try append(TableFormat.block(kind, payload, number: number, offset: offset))
    return offset
  }

  private func append(_ bytes: [UInt8]) throws(IndexError) {
    pending.append(contentsOf: bytes)
    if pending.count >= Limits.tableWriteBytes { try flush() }
  }

  private func flush() throws(IndexError) {
    do throws(FileError) {
      try file.write(pending, at: written)
    } catch {
      throw .file(error)
    }
    written += UInt64(pending.count)
    pending.removeAll(keepingCapacity: true)
  }

  /// Writes what follows the data and syncs the file and its name.
  ///
  /// - Parameter census: how the table changes what segments hold; nil when that is not known.
  func finish(
    _ census: PageCensus?
  ) throws(IndexError) -> (fileBytes: UInt64, counts: TableCounts) {
    precondition(!isEmpty, "a table without records")
    properties.census = census
    try finishBlock()
    try finishNames()
    var head: [UInt8] = []
    head.appendLE(UInt32(properties.blocks))
    let footer = TableFooter(
      number: number, indexOffset: try appendBlock(.index, head + index),
      filterOffset: try appendBlock(.filter, filter.payload),
      anchorFilterOffset: try appendBlock(
        .anchorFilter, windows.filter(bitsPerName: bitsPerName).payload),
      namesOffset: try appendBlock(.namesDirectory, names.directoryPayload),
      propertiesOffset: try appendBlock(.properties, properties.payload))
    try append(footer.bytes(at: byteCount))
    try flush()
    try ManifestStore.wrap { () throws(FileError) in
      try file.sync()
      try files.syncDirectory(parent(of: path))
    }
    isFinished = true
    return (written, properties.counts)
  }
}
