// An open table: its block index and filter in memory, its data blocks through the cache. The last
// reference closes the file, and removes it when the table is no longer in force.

internal import Synchronization
internal import VarveBase
internal import VarveFile

package final class Table: Sendable {
  package let summary: TableSummary
  let directory: TableDirectory
  let path: String
  let file: any File
  let filter: TableFilter
  /// Over the windows that path records stand in.
  let anchorFilter: TableFilter
  /// Where the names blocks lie.
  let names: [Range<UInt64>]
  let properties: TableProperties
  let blocks: TableBlockIndex
  private let residentBytes: Int
  private let removal: Locked<(@Sendable (UInt64) -> Void)?> = Locked(nil)

  package var number: UInt64 { summary.number }

  init(_ directory: TableDirectory, _ summary: TableSummary) throws(IndexError) {
    let path = directory.path(of: summary.number)
    let parts = try TableParts(directory.files, path, summary)
    let resident =
      parts.filter.byteCount + parts.anchorFilter.byteCount + parts.blocks.byteCount
    if let ledger = directory.ledger, !ledger.reserve(resident, for: .filter) {
      throw .memoryFull(bytes: resident, limit: ledger.limitBytes)
    }
    self.directory = directory
    self.summary = summary
    self.path = path
    file = parts.file
    filter = parts.filter
    anchorFilter = parts.anchorFilter
    names = parts.names
    properties = parts.properties
    blocks = parts.blocks
    residentBytes = resident
    directory.cache.hold(resident: resident)
  }

  deinit {
    directory.cache.letGo(resident: residentBytes)
    directory.ledger?.release(residentBytes, for: .filter)
    guard let removed = removal.withLock({ $0 }) else { return }
    directory.cache.remove(table: number)
    // A file that cannot be removed is a stray that the next start removes.
    try? directory.files.remove(path)
    removed(summary.fileBytes)
  }

  /// Says that the manifest no longer names this table: its file goes with the last snapshot that
  /// uses it, and `removed` is then told its bytes.
  package func retire(_ removed: @escaping @Sendable (UInt64) -> Void = { _ in }) {
    removal.withLock { $0 = removed }
  }

  /// Reads data block `index` past every cache.
  func readBlock(_ index: Int) throws(IndexError) -> IndexBlock {
    let payload = try readPayload(.data, blocks.range(index))
    guard let block = IndexBlock(payload) else {
      throw corrupt(index, "entries of the block")
    }
    return block
  }

  /// Reads and checks the block that fills `range` of the file.
  func readPayload(
    _ kind: TableFormat.BlockKind, _ range: Range<Int>
  ) throws(IndexError) -> [UInt8] {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try file.read(count: range.count, at: UInt64(range.lowerBound))
    } catch {
      throw .file(error)
    }
    return try TableFormat.payload(
      of: bytes, kind, number: number, offset: UInt64(range.lowerBound), file: path)
  }

  /// The error for a block whose checksum holds and whose contents make no sense.
  func corrupt(_ index: Int, _ what: String) -> IndexError {
    .corrupt(
      file: path, offset: UInt64(blocks.range(index).lowerBound), what: what, expected: 1, found: 0)
  }

  private func block(_ index: Int) throws(IndexError) -> IndexBlock {
    if let block = directory.cache.find(table: number, block: Int32(index)) {
      directory.counters.blockHits.add()
      return block
    }
    let block = try readBlock(index)
    directory.counters.blockReads.add()
    directory.cache.insert(block, table: number, block: Int32(index))
    return block
  }

  /// The record of `key`, which is one of `kind`; nil when the table has none.
  ///
  /// - Parameter spot: of a path key, where its page stands.
  func find(
    _ key: [UInt8], _ kind: IndexKey.Kind, _ cursor: inout TableCursor,
    at spot: TableCursor.Spot? = nil
  ) throws(IndexError) -> FoundRecord? {
    let value: Range<Int>
    if let next = cursor.next(key) {
      value = next
    } else {
      let index = blocks.blockIndex(of: key)
      if cursor.index != index || cursor.block == nil {
        cursor.enter(try block(index), index)
      }
      guard let found = cursor.block?.find(key) else { return nil }
      value = found
    }
    cursor.found(key, value, at: spot)
    guard let block = cursor.block else { preconditionFailure("a value lies in a block") }
    var at = value.lowerBound
    let bytes = block.bytes
    guard
      let record = IndexRecord.readBody(
        bytes.rawSpan, &at, end: value.upperBound, under: key, kind, base: block.base)
    else { throw corrupt(cursor.index, "record") }
    return FoundRecord(
      record: record, block: block, rest: at..<value.upperBound, index: cursor.index)
  }

  /// The place that an id record ends with.
  func place(_ found: FoundRecord) throws(IndexError) -> WindowPlace {
    let bytes = found.block.bytes
    guard
      let place = IndexRecord.readPlace(
        bytes.rawSpan, found.rest.lowerBound, end: found.rest.upperBound)
    else { throw corrupt(found.index, "place of a record") }
    return place
  }
}

/// Where a walk found something last: neighbours cost no search of the cache, and the page that
/// follows another in its chain, whose key mostly follows, none of the block.
struct TableCursor {
  /// Where a page stands on the way of one walk: the number of its window, and its index in that.
  struct Spot {
    let window: Int
    let index: UInt8
  }

  private(set) var index = -1
  private(set) var block: IndexBlock?
  private var key: [UInt8] = []
  /// Behind the entry of `key`; nil before one was found in this block.
  private var end: Int?
  /// Of the page of `key` when that is a path key.
  private var spot: Spot?

  mutating func enter(_ block: IndexBlock, _ index: Int) {
    self.block = block
    self.index = index
    end = nil
  }

  mutating func found(_ key: [UInt8], _ value: Range<Int>, at spot: Spot?) {
    self.key.removeAll(keepingCapacity: true)
    self.key.reserveCapacity(IndexKey.byteCountMax)
    self.key.append(contentsOf: key)
    self.spot = spot
    end = value.upperBound
  }

  /// The path record of `id` when its entry is the next, behind that of the page right before it in
  /// the walk: then its key is that page's with one digest more, and need not be made. Nil where
  /// that is not so, or cannot be said.
  mutating func next(_ id: PageID, at spot: Spot) -> IndexRecord? {
    guard let end, let block, let last = self.spot, last.window == spot.window,
      last.index + 1 == spot.index,
      let value = block.value(at: end, extending: key.count, by: id)
    else { return nil }
    IndexKey.appendDigest(id, to: &key)
    var at = value.lowerBound
    let bytes = block.bytes
    guard
      let record = IndexRecord.readBody(
        bytes.rawSpan, &at, end: value.upperBound, under: key, .path, base: block.base)
    else {
      key.removeLast(WindowPlace.digestBytes)
      return nil
    }
    self.spot = spot
    self.end = value.upperBound
    return record
  }

  /// Where the value of `key` lies if its entry is the next.
  func next(_ key: [UInt8]) -> Range<Int>? {
    guard let end, let block else { return nil }
    return block.find(key, at: end, behind: self.key)
  }
}

/// A record where it lies; `rest` are the bytes of an id record's place.
struct FoundRecord {
  let record: IndexRecord
  let block: IndexBlock
  let rest: Range<Int>
  let index: Int
}
