// The formats of the index. Blocks are fuzzed below their checksums, tables and manifests under
// checksums that hold.

import VarveBase
import VarveFile

@testable import VarveEngine

enum BlockFuzz {
  /// The first byte chooses the part.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    switch input.byte() % 6 {
    case 0: data(&input)
    case 1:
      let dataBytes = UInt64(input.byte()) * 997
      let otherBytes = UInt64(input.byte()) * 997
      guard
        let index = TableBlockIndex(
          input.rest(), dataBytes: dataBytes, otherBytes: otherBytes)
      else { return }
      for number in 0..<index.count {
        demand(index.range(number).upperBound <= dataBytes, "a block beyond the data")
      }
      for key in [[], bytes, [UInt8](repeating: 0xff, count: 300)] {
        demand((0..<index.count).contains(index.blockIndex(of: key)), "a block that is none")
      }
    case 2:
      guard let filter = TableFilter(input.rest()) else { return }
      for hash in [0, UInt64.max, 0x0123_4567_89ab_cdef] { _ = filter.mayContain(hash) }
    case 3: _ = TableProperties(input.rest())
    case 4: names(&input)
    default: record(&input)
    }
  }

  private static func data(_ input: inout FuzzInput) {
    let key = input.part()
    guard let block = IndexBlock(input.rest()) else { return }
    _ = block.find(key)
    var cursor = IndexBlockCursor(block)
    var count = 0
    while cursor.next() {
      count += 1
      demand(cursor.value.upperBound <= block.bytes.count, "a value beyond the block")
      _ = IndexKey.parse(cursor.key)
      if count < 20, let value = block.find(cursor.key) {
        demand(value.upperBound <= block.bytes.count, "a found value beyond the block")
      }
    }
    demand(count <= block.bytes.count, "more entries than bytes")
  }

  private static func names(_ input: inout FuzzInput) {
    let dataBytes = UInt64(input.byte()) * 997
    if input.byte() & 1 == 1 {
      guard let ranges = TableNames.ranges(input.rest(), dataBytes: dataBytes) else { return }
      for (range, next) in zip(ranges, ranges.dropFirst()) {
        demand(range.upperBound <= next.lowerBound, "names blocks overlap")
      }
      demand(ranges.last.map { $0.upperBound <= dataBytes } != false, "names beyond the data")
    } else {
      let payload = input.rest()
      var count = 0
      let isWhole = TableNames.visit(payload) { name in
        count += 1
        demand(name.isPage || !name.expires, "a tombstone that expires")
      }
      demand(9 * count <= payload.count, "more names than bytes")
      demand(!isWhole || count == Int(payload.rawSpan.load(0, as: UInt32.self)), "another count")
    }
  }

  /// A key, two numbers of the base, and the record.
  private static func record(_ input: inout FuzzInput) {
    let key = input.part()
    var base = RecordBase()
    base.putMillis = UInt64(input.byte()) << 36
    base.rawBytes = UInt32(input.byte()) << 24
    guard let kind = IndexKey.parse(key)?.kind else { return }
    let bytes = input.rest()
    var at = 0
    func read(_ bytes: [UInt8], _ at: inout Int) -> IndexRecord? {
      IndexRecord.readBody(bytes.rawSpan, &at, end: bytes.count, under: key, kind, base: base)
    }
    guard let record = read(bytes, &at) else { return }
    demand(at <= bytes.count, "a record beyond its bytes")
    _ = IndexRecord.readPlace(bytes.rawSpan, at, end: bytes.count)
    var again: [UInt8] = []
    record.appendBody(to: &again, under: kind, base: base)
    demand(again.count <= record.flatBodyBytes(under: kind), "a body beyond its bound")
    var end = 0
    demand(read(again, &end) == record && end == again.count, "a record reads back as another")
  }
}

enum TableFuzz {
  private static let number: UInt64 = 9

  /// The parts of a table, each behind its length: properties, filters, index, names directory, and
  /// the blocks before them, names blocks behind a 1.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let (properties, filter, anchorFilter) = (input.part(), input.part(), input.part())
    let (index, namesDirectory) = (input.part(), input.part())
    var file: [UInt8] = []
    var more = true
    while more {
      let part = input.part()
      more = part.count > 1
      if more { append(part[0] == 1 ? .names : .data, Array(part[1...]), to: &file) }
    }
    let footer = TableFooter(
      number: number, indexOffset: append(.index, index, to: &file),
      filterOffset: append(.filter, filter, to: &file),
      anchorFilterOffset: append(.anchorFilter, anchorFilter, to: &file),
      namesOffset: append(.namesDirectory, namesDirectory, to: &file),
      propertiesOffset: append(.properties, properties, to: &file))
    file += footer.bytes(at: UInt64(file.count))
    guard let parsed = TableProperties(properties) else { return }
    open(file, parsed.counts, keys: [parsed.keyMin, parsed.keyMax])
  }

  /// Returns where the block stands.
  @discardableResult
  private static func append(
    _ kind: TableFormat.BlockKind, _ payload: [UInt8], to file: inout [UInt8]
  ) -> UInt64 {
    let offset = UInt64(file.count)
    file += TableFormat.block(kind, payload, number: number, offset: offset)
    return offset
  }

  private static func open(_ file: [UInt8], _ counts: TableCounts, keys: [[UInt8]]) {
    do {
      let files = MemoryFileSystem()
      try files.createDirectory("/t")
      let directory = TableDirectory(files, path: "/t", cache: BlockCache(budgetBytes: 1 << 20))
      try files.writeAll(directory.path(of: number), file)
      let table = try directory.open(
        TableSummary(
          number: number, order: number, fileBytes: UInt64(file.count), counts: counts))
      var cursor = TableCursor()
      for key in keys {
        guard let kind = IndexKey.parse(key)?.kind else { continue }
        if let found = try table.find(key, kind, &cursor) { _ = try? table.place(found) }
      }
      try table.verify()
    } catch is IndexError {
    } catch {
      demand(false, "\(error)")
    }
  }
}

enum ManifestFuzz {
  private static let number: UInt64 = 3

  /// The first byte chooses the file.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    do throws(IndexError) {
      switch input.byte() % 4 {
      case 0: edits(input.rest())
      case 1: try manifest(&input)
      case 2: _ = try ManifestFormat.readCurrent(input.rest(), file: "fuzz")
      default: try namespaces(input.rest())
      }
    } catch {}
  }

  private static func edits(_ bytes: [UInt8]) {
    guard let edits = ManifestEdit.decode(bytes) else { return }
    demand(edits.count <= bytes.count, "more edits than bytes")
    let once = ManifestEdit.encode(edits)
    demand(ManifestEdit.decode(once) == edits, "edits read back as others")
    var state = ManifestState()
    for edit in edits {
      do throws(IndexError) { try state.apply(edit) } catch { return }
      state.checkInvariants()
    }
    let snapshot = ManifestEdit.encode(state.snapshot())
    demand(ManifestEdit.decode(snapshot) != nil, "a snapshot that does not read back")
  }

  /// Batches under checksums that hold, then bytes as they come.
  private static func manifest(_ input: inout FuzzInput) throws(IndexError) {
    var file: [UInt8] = []
    let isCut = input.byte() & 1 == 1
    var batch: UInt64 = 1
    while true {
      let payload = input.part()
      if payload.isEmpty { break }
      file += ManifestFormat.record(
        payload, batch: batch, number: number, offset: ManifestFormat.headerBytes + file.count)
      batch += 1
    }
    let snapshot = file.count
    file = ManifestFormat.header(number: number, snapshotBytes: isCut ? 0 : snapshot) + file
    file += input.rest()
    let read = try ManifestFile(file, number: number, file: "fuzz")
    demand(read.goodBytes <= file.count, "more good bytes than bytes")
    read.state.checkInvariants()
  }

  private static func namespaces(_ payload: [UInt8]) throws(IndexError) {
    var file = ManifestFormat.namespaces(ManifestState())
    let head = Array(file[..<8])
    file = head
    file.appendLE(ManifestFormat.version)
    file.appendLE(UInt32(payload.count))
    file.appendLE(CRC32C.checksum(payload, seed: CRC32C.checksum(file)))
    file += payload
    let state = try ManifestFormat.readNamespaces(file, file: "fuzz")
    state.checkInvariants()
  }
}
