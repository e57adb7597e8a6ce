// Goes through all records of a table in key order, past the block cache: for merges and checks.

internal import VarveBase
internal import VarveFile

struct TableScanner {
  let table: Table
  private(set) var record = IndexRecord(tombstone: .zero, sequence: 0)
  private(set) var namespace: UInt32 = 0
  private(set) var kind = IndexKey.Kind.path
  private var placeRange = 0..<0
  private var nextBlock = 0
  private var cursor: IndexBlockCursor?

  init(_ table: Table) { self.table = table }

  var key: [UInt8] { cursor?.key ?? [] }

  /// The place of an id record as it is written; nothing of a path record.
  var place: ArraySlice<UInt8> { cursor?.block.bytes[placeRange] ?? [] }

  /// Bytes of data blocks read so far.
  var bytesRead: UInt64 {
    nextBlock == 0 ? 0 : UInt64(table.blocks.range(nextBlock - 1).upperBound)
  }

  /// Steps to the next record; false at the end. Every record is decoded whole, and a key that
  /// does not rise is damage.
  mutating func next() throws(IndexError) -> Bool {
    let before = key
    while true {
      if cursor?.next() == true { break }
      guard nextBlock < table.blocks.count else {
        cursor = nil
        return false
      }
      cursor = IndexBlockCursor(try table.readBlock(nextBlock))
      nextBlock += 1
    }
    try decode()
    guard before.isEmpty || ByteOrder.compare(before, key) < 0 else {
      throw table.corrupt(nextBlock - 1, "order of keys")
    }
    return true
  }

  private mutating func decode() throws(IndexError) {
    guard let cursor, let parsed = IndexKey.parse(cursor.key) else {
      throw table.corrupt(nextBlock - 1, "key")
    }
    let bytes = cursor.block.bytes
    let span = bytes.rawSpan
    var at = cursor.value.lowerBound
    let end = cursor.value.upperBound
    guard
      let body = IndexRecord.readBody(
        span, &at, end: end, under: cursor.key, parsed.kind, base: cursor.block.base)
    else { throw table.corrupt(nextBlock - 1, "record") }
    let placeHolds =
      parsed.kind == .id ? IndexRecord.readPlace(span, at, end: end) != nil : at == end
    guard placeHolds else { throw table.corrupt(nextBlock - 1, "place of a record") }
    record = body
    placeRange = at..<end
    namespace = parsed.namespace
    kind = parsed.kind
  }
}

extension Table {
  /// Reads the data once, in large pieces, and checks every block's checksum; decodes nothing.
  package func checkBlocks() throws(IndexError) {
    var first = 0
    while first < blocks.count {
      var next = first + 1
      let start = blocks.range(first).lowerBound
      while next < blocks.count,
        blocks.range(next).upperBound - start <= Limits.tableReadBytes
      {
        next += 1
      }
      let end = blocks.range(next - 1).upperBound
      let bytes: [UInt8]
      do throws(FileError) {
        bytes = try file.read(count: end - start, at: UInt64(start))
      } catch {
        throw .file(error)
      }
      for index in first..<next {
        let range = blocks.range(index)
        let own = range.lowerBound - start..<min(bytes.count, range.upperBound - start)
        try TableFormat.check(
          bytes.rawSpan.extracting(own), .data, number: number, offset: UInt64(range.lowerBound),
          file: path)
      }
      first = next
    }
  }

  /// Reads the whole table and checks every block, record, count and the filter: for `verify`.
  package func verify() throws(IndexError) {
    var scanner = TableScanner(self)
    var found = TableProperties()
    found.blocks = UInt64(blocks.count)
    var named = NamesDigest()
    while try scanner.next() {
      if found.counts.records == 0 { found.keyMin = scanner.key }
      found.keyMax = scanner.key
      found.counts.count(
        scanner.record, scanner.kind, keyBytes: scanner.key.count,
        placeBytes: scanner.place.count)
      let name = PageName(namespace: scanner.namespace, id: scanner.record.id)
      let hash = TableFilter.hash(name)
      if scanner.kind == .id {
        named.add(TableName(scanner.record, namespace: scanner.namespace, hash: hash))
      }
      guard filter.mayContain(hash) else {
        throw .corrupt(
          file: path, offset: 0, what: "filter's answer for a name it holds", expected: 1, found: 0)
      }
    }
    // What it takes away of other tables' pages cannot be told from its own records.
    found.census = properties.census
    guard found == properties else {
      throw .corrupt(
        file: path, offset: UInt64(blocks.range(blocks.count - 1).upperBound),
        what: "count of records, or another property,", expected: properties.counts.records,
        found: found.counts.records)
    }
    var listed = NamesDigest()
    try visitNames { listed.add($0) }
    guard listed == named else {
      throw .corrupt(
        file: path, offset: 0, what: "list of names", expected: named.count, found: listed.count)
    }
  }

  /// Visits every id record in a few words, from the names blocks.
  package func visitNames(_ visit: (TableName) -> Void) throws(IndexError) {
    for range in names {
      let payload = try readPayload(.names, Int(range.lowerBound)..<Int(range.upperBound))
      guard TableNames.visit(payload, visit) else {
        throw .corrupt(
          file: path, offset: range.lowerBound, what: "names", expected: 1, found: 0)
      }
    }
  }
}

extension TableName {
  init(_ record: IndexRecord, namespace: UInt32, hash: UInt64) {
    self.namespace = namespace
    self.hash = hash
    isPage = record.kind == .page
    guard isPage else { return }
    expires = record.expirySeconds != 0
    segment = record.location.segment
    rawBytes = record.location.rawBytes
  }
}

/// Two lists of names with equal digests are the same list, as far as damage goes.
private struct NamesDigest: Equatable {
  var count: UInt64 = 0
  private var words = [UInt64](repeating: 0, count: 5)

  mutating func add(_ name: TableName) {
    count += 1
    let parts = [
      name.hash, UInt64(name.namespace), name.isPage ? name.segment &+ 1 : 0,
      UInt64(name.isPage ? name.rawBytes : 0), name.expires ? 1 : 0,
    ]
    // A polynomial in the count, so that the order of names counts as well.
    for index in parts.indices {
      words[index] = words[index] &* 0x9E37_79B9_7F4A_7C15 &+ parts[index]
    }
  }
}
