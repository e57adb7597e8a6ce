// The formats of the index. Blocks are fuzzed below their checksums, tables and manifests under
// checksums that hold.

import VarveBase
import VarveFile

@testable import VarveEngine

enum BlockFuzz {
  /// The first byte chooses the part.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    switch input.byte() % 5 {
    case 0: data(&input)
    case 1:
      let dataBytes = UInt64(input.byte()) * 997
      guard let index = TableBlockIndex(input.rest(), dataBytes: dataBytes) else { return }
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
    default: record(input.rest())
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

  private static func record(_ bytes: [UInt8]) {
    var at = 0
    guard let record = IndexRecord.readBody(bytes.rawSpan, &at, end: bytes.count) else { return }
    demand(at <= bytes.count, "a record beyond its bytes")
    _ = IndexRecord.readPlace(bytes.rawSpan, at, end: bytes.count)
    var again: [UInt8] = []
    record.appendBody(to: &again)
    var end = 0
    let twin = IndexRecord.readBody(again.rawSpan, &end, end: again.count)
    // A record ends where its body does only when bytes follow: one byte more is asked for.
    demand(twin == nil || twin == record, "a record reads back as another")
  }
}

enum TableFuzz {
  private static let number: UInt64 = 9

  /// The parts of a table, each behind its length: properties, filter, index, and the data blocks,
  /// as long as the index says.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    let (properties, filter, index) = (input.part(), input.part(), input.part())
    var file: [UInt8] = []
    var more = true
    while more {
      let payload = input.part()
      more = !payload.isEmpty
      if more { append(.data, payload, to: &file) }
    }
    let indexOffset = UInt64(file.count)
    append(.index, index, to: &file)
    let filterOffset = UInt64(file.count)
    append(.filter, filter, to: &file)
    let propertiesOffset = UInt64(file.count)
    append(.properties, properties, to: &file)
    let footer = TableFooter(
      number: number, indexOffset: indexOffset, filterOffset: filterOffset,
      propertiesOffset: propertiesOffset)
    file += footer.bytes(at: UInt64(file.count))
    guard let parsed = TableProperties(properties) else { return }
    open(file, parsed.counts, keys: [parsed.keyMin, parsed.keyMax])
  }

  private static func append(
    _ kind: TableFormat.BlockKind, _ payload: [UInt8], to file: inout [UInt8]
  ) {
    file += TableFormat.block(kind, payload, number: number, offset: UInt64(file.count))
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
        if let found = try table.find(key, &cursor) { _ = try? table.place(found) }
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
