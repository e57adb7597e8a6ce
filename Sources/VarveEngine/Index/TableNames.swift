// The names of a table: for every id record the hash that filters and fingerprints know its name
// by, and its segment. Read one block after the other when the store is opened, so that what memory
// knows of ten million pages costs a few bytes a page to read, and never kept.
//
// Names blocks stand between data blocks, each written when it is full; the names directory behind
// the filters says where. No block is longer than 64 KiB and one name.
//
// payload of a names block: count of names (4), then for each
//   0  1  flags: 1 a page (else a tombstone), 2 it expires, 4 a namespace follows,
//         8 a length follows
//   1  8  hash of the name (TableFilter.hash)
//      v  with flag 4: namespace; without, it is that of the name before
//      v  with flag 8: raw bytes of the page; without, those of the page before
//      v  page only: segment, as the zigzag difference to that of the page before (first: to 0)
// payload of the names directory: count of blocks (4), then for each
//      v  bytes between the end of the one before (first: of the file's start) and its start
//      v  bytes of the block with its head
// v: LEB128.

internal import VarveBase

/// One id record, in as many words as opening needs.
package struct TableName: Equatable, Sendable, BitwiseCopyable {
  package var namespace: UInt32 = 0
  package var hash: UInt64 = 0
  package var isPage = false
  /// The page has a time to live.
  package var expires = false
  package var segment: UInt64 = 0
  package var rawBytes: UInt32 = 0
}

enum TableNames {
  static let headBytes = 4
  /// No name takes more.
  static let nameBytesMax = 1 + 8 + 5 + 5 + Varint.byteCountMax
  static let payloadBytesMax = headBytes + Limits.tableNamesBytes + nameBytesMax
  /// No entry of the directory takes more.
  static let directoryEntryBytesMax = Varint.byteCountMax + 5

  /// On disk: never renumber.
  fileprivate enum Flag {
    static let page: UInt8 = 1
    static let expires: UInt8 = 2
    static let namespace: UInt8 = 4
    static let rawBytes: UInt8 = 8
    static let all: UInt8 = 15
  }

  /// Visits the names of a block; false when the payload is none. Names before the damage have been
  /// visited then.
  static func visit(
    _ payload: [UInt8], _ visit: (TableName) -> Void
  ) -> Bool {
    guard payload.count >= headBytes else { return false }
    let span = payload.rawSpan
    let end = payload.count
    let count: UInt32 = span.load(0)
    var at = headBytes
    var name = TableName()
    for index in 0..<Int(count) {
      guard end - at >= 9 else { return false }
      let flags: UInt8 = span.load(at)
      guard flags & ~Flag.all == 0 else { return false }
      name.hash = span.load(at + 1)
      at += 9
      if flags & Flag.namespace != 0 {
        guard let namespace = Varint.read32(span, &at, end: end) else { return false }
        name.namespace = namespace
      } else if index == 0 {
        return false
      }
      name.isPage = flags & Flag.page != 0
      name.expires = flags & Flag.expires != 0
      if flags & Flag.rawBytes != 0 {
        guard name.isPage, let bytes = Varint.read32(span, &at, end: end) else { return false }
        name.rawBytes = bytes
      }
      if name.isPage {
        guard let coded = Varint.read(span, &at, end: end) else { return false }
        let difference = Int64(bitPattern: coded >> 1) ^ -Int64(bitPattern: coded & 1)
        name.segment = UInt64(bitPattern: Int64(bitPattern: name.segment) &+ difference)
      } else if name.expires {
        return false
      }
      visit(name)
    }
    return at == end
  }

  /// Where the blocks of names lie; nil when the payload is no directory of blocks within
  /// `0 ..< dataBytes`.
  static func ranges(_ payload: [UInt8], dataBytes: UInt64) -> [Range<UInt64>]? {
    guard payload.count >= 4 else { return nil }
    let span = payload.rawSpan
    let count: UInt32 = span.load(0)
    guard Int(count) <= payload.count / 2 else { return nil }
    var at = 4
    var offset: UInt64 = 0
    var ranges: [Range<UInt64>] = []
    let least = UInt64(TableFormat.blockHeadBytes + headBytes)
    for _ in 0..<Int(count) {
      guard let gap = Varint.read(span, &at, end: payload.count), gap <= dataBytes,
        let bytes = Varint.read32(span, &at, end: payload.count), UInt64(bytes) > least,
        offset + gap + UInt64(bytes) <= dataBytes,
        Int(bytes) <= TableFormat.blockHeadBytes + payloadBytesMax
      else { return nil }
      ranges.append(offset + gap..<offset + gap + UInt64(bytes))
      offset += gap + UInt64(bytes)
    }
    return at == payload.count ? ranges : nil
  }
}

/// Collects names and cuts them into blocks.
struct TableNamesBuilder {
  private var names: [UInt8] = []
  private(set) var count: UInt32 = 0
  private var last = TableName()
  private var directory: [UInt8] = []
  private var blockCount: UInt32 = 0
  private var end: UInt64 = 0

  /// Payload bytes of the names since the last block.
  var byteCount: Int { names.count }

  mutating func add(_ record: IndexRecord, namespace: UInt32, hash: UInt64) {
    typealias Flag = TableNames.Flag
    let isPage = record.kind == .page
    let location = record.location
    var flags: UInt8 = isPage ? Flag.page : 0
    if isPage, record.expirySeconds != 0 { flags |= Flag.expires }
    if count == 0 || namespace != last.namespace { flags |= Flag.namespace }
    if isPage, location.rawBytes != last.rawBytes { flags |= Flag.rawBytes }
    names.append(flags)
    names.appendLE(hash)
    if flags & Flag.namespace != 0 { Varint.append(UInt64(namespace), to: &names) }
    if flags & Flag.rawBytes != 0 { Varint.append(UInt64(location.rawBytes), to: &names) }
    last.namespace = namespace
    if isPage {
      let difference = Int64(bitPattern: location.segment) &- Int64(bitPattern: last.segment)
      Varint.append(UInt64(bitPattern: difference << 1 ^ difference >> 63), to: &names)
      last.rawBytes = location.rawBytes
      last.segment = location.segment
    }
    count += 1
  }

  /// The payload of a block of the names so far, which will stand at `offset`.
  mutating func finishBlock(at offset: UInt64) -> [UInt8] {
    precondition(count > 0 && offset >= end, "names blocks hold names and do not overlap")
    var payload: [UInt8] = []
    payload.reserveCapacity(TableNames.headBytes + names.count)
    payload.appendLE(count)
    payload.append(contentsOf: names)
    let bytes = TableFormat.blockHeadBytes + payload.count
    Varint.append(offset - end, to: &directory)
    Varint.append(UInt64(bytes), to: &directory)
    blockCount += 1
    end = offset + UInt64(bytes)
    names.removeAll(keepingCapacity: true)
    count = 0
    last = TableName()
    return payload
  }

  var directoryPayload: [UInt8] {
    var payload: [UInt8] = []
    payload.appendLE(blockCount)
    return payload + directory
  }
}
