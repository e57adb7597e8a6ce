// Data blocks: making one from sorted entries, and searching one in place.

internal import VarveBase

/// Fills the payload of one data block.
struct IndexBlockBuilder {
  private(set) var bytes: [UInt8] = []
  private(set) var firstKey: [UInt8] = []
  private(set) var lastKey: [UInt8] = []
  private(set) var count = 0
  private var restarts: [UInt32] = []
  private var firstPage: RecordBase?

  /// Payload bytes if it ended now.
  var byteCount: Int { bytes.count + 4 * restarts.count + IndexBlock.tailBytes }

  /// What `record`, which is added next, is written against: its block's first page decides.
  mutating func base(for record: IndexRecord) -> RecordBase {
    if let firstPage { return firstPage }
    guard record.kind == .page else { return RecordBase() }
    let base = RecordBase(record)
    firstPage = base
    return base
  }

  mutating func add(_ key: [UInt8], _ value: [UInt8]) {
    precondition(count == 0 || ByteOrder.compare(lastKey, key) < 0, "keys must rise")
    var shared = 0
    if count % TableFormat.restartInterval == 0 {
      restarts.append(UInt32(bytes.count))
    } else {
      shared = ByteOrder.commonPrefix(
        lastKey.rawSpan, 0..<lastKey.count, key.rawSpan, 0..<key.count)
    }
    Varint.append(UInt64(shared), to: &bytes)
    Varint.append(UInt64(key.count - shared), to: &bytes)
    Varint.append(UInt64(value.count), to: &bytes)
    bytes.append(contentsOf: key[shared...])
    bytes.append(contentsOf: value)
    if count == 0 { firstKey = key }
    lastKey = key
    count += 1
  }

  /// The payload; the builder is empty afterwards.
  mutating func finish() -> [UInt8] {
    var payload = bytes
    for restart in restarts { payload.appendLE(restart) }
    payload.appendLE(UInt32(restarts.count))
    let base = firstPage ?? RecordBase()
    payload.appendLE(base.putMillis)
    payload.appendLE(base.rawBytes)
    self = IndexBlockBuilder()
    return payload
  }
}

/// A data block in memory, checked once when it is made; afterwards every search is in bounds.
package final class IndexBlock: Sendable {
  /// Of a payload: count of restart points and the base.
  static let tailBytes = 4 + RecordBase.byteCount

  let bytes: [UInt8]
  /// What its records are written against.
  let base: RecordBase
  fileprivate let entriesEnd: Int
  private let restartCount: Int

  /// One entry's parts in `bytes`.
  struct Entry {
    var shared: Int
    var own: Range<Int>
    var value: Range<Int>
  }

  /// Nil when the payload is no data block.
  init?(_ payload: [UInt8]) {
    let restartsEnd = payload.count - Self.tailBytes
    guard restartsEnd >= 4 else { return nil }
    let span = payload.rawSpan
    let count: UInt32 = span.load(restartsEnd)
    guard count > 0, Int(count) <= restartsEnd / 4 else { return nil }
    var base = RecordBase()
    base.putMillis = span.load(restartsEnd + 4)
    base.rawBytes = span.load(restartsEnd + 12)
    self.base = base
    bytes = payload
    restartCount = Int(count)
    entriesEnd = restartsEnd - 4 * Int(count)
    guard isWhole() else { return nil }
  }

  /// Memory it holds, for the cache's budget.
  var byteCount: Int { bytes.count + 128 }

  private func restart(_ span: RawSpan, _ index: Int) -> Int {
    let offset: UInt32 = span.load(entriesEnd + 4 * index)
    return Int(offset)
  }

  /// The entry at `at` of `bytes`, given as a span; nil where the bytes are none.
  func entry(_ span: RawSpan, _ at: Int) -> Entry? {
    var next = at
    guard let shared = Varint.read32(span, &next, end: entriesEnd),
      let own = Varint.read32(span, &next, end: entriesEnd),
      let value = Varint.read32(span, &next, end: entriesEnd),
      Int(own) + Int(value) <= entriesEnd - next
    else { return nil }
    let ownEnd = next + Int(own)
    return Entry(
      shared: Int(shared), own: next..<ownEnd, value: ownEnd..<ownEnd + Int(value))
  }

  /// Entries fill the space, restart points are every sixteenth of them, keys have their limits.
  private func isWhole() -> Bool {
    let bytes = bytes
    let span = bytes.rawSpan
    var at = 0
    var index = 0
    var keyBytes = 0
    while at < entriesEnd {
      guard let entry = entry(span, at) else { return false }
      let isRestart = index % TableFormat.restartInterval == 0
      if isRestart {
        let number = index / TableFormat.restartInterval
        guard number < restartCount, restart(span, number) == at, entry.shared == 0 else {
          return false
        }
      }
      guard entry.shared <= keyBytes, !entry.own.isEmpty else { return false }
      keyBytes = entry.shared + entry.own.count
      guard keyBytes <= IndexKey.byteCountMax, entry.value.count <= TableFormat.valueBytesMax else {
        return false
      }
      at = entry.value.upperBound
      index += 1
    }
    let restartsNeeded = (index + TableFormat.restartInterval - 1) / TableFormat.restartInterval
    return restartsNeeded == restartCount
  }

  /// Where the value of `key` lies; nil when the block has no such key.
  func find(_ key: [UInt8]) -> Range<Int>? {
    let target = key.rawSpan
    let bytes = bytes
    let span = bytes.rawSpan
    var low = 0
    var high = restartCount
    // The last restart at or below the key begins the only stretch that can hold it.
    while high - low > 1 {
      let middle = (low + high) / 2
      guard let entry = entry(span, restart(span, middle)) else { return nil }
      if ByteOrder.compare(span, entry.own, target, 0..<key.count) <= 0 {
        low = middle
      } else {
        high = middle
      }
    }
    var at = restart(span, low)
    // Bytes that the key shares with the entry before `at`, all of whose keys are below it.
    var matched = 0
    while at < entriesEnd, let entry = entry(span, at) {
      if entry.shared < matched { return nil }
      if entry.shared == matched {
        let rest = matched..<key.count
        let common = ByteOrder.commonPrefix(span, entry.own, target, rest)
        matched += common
        if common == rest.count { return common == entry.own.count ? entry.value : nil }
        if common < entry.own.count {
          let own: UInt8 = span.load(entry.own.lowerBound + common)
          if own > key[matched] { return nil }
        }
      }
      at = entry.value.upperBound
    }
    return nil
  }

  /// Where the value of `key` lies if it is that of the entry at `at`, which follows the entry of
  /// `last`; nil when that is another's, or the block's end.
  func find(_ key: [UInt8], at: Int, behind last: [UInt8]) -> Range<Int>? {
    let bytes = bytes
    let span = bytes.rawSpan
    let target = key.rawSpan
    guard at < entriesEnd, let entry = entry(span, at),
      entry.shared + entry.own.count == key.count, entry.shared <= last.count
    else { return nil }
    let shared = 0..<entry.shared
    let own = entry.shared..<key.count
    guard ByteOrder.commonPrefix(last.rawSpan, shared, target, shared) == shared.count,
      ByteOrder.commonPrefix(span, entry.own, target, own) == own.count
    else { return nil }
    return entry.value
  }
}

extension IndexBlock {
  /// Where the value of the entry at `at` lies if its key is that of the entry before, which has
  /// `keyBytes` bytes, with the digest of `id` behind it.
  func value(at: Int, extending keyBytes: Int, by id: PageID) -> Range<Int>? {
    let bytes = bytes
    let span = bytes.rawSpan
    guard at < entriesEnd, let entry = entry(span, at), entry.shared == keyBytes,
      entry.own.count == WindowPlace.digestBytes
    else { return nil }
    var rest = id.word0
    for offset in entry.own {
      let byte: UInt8 = span.load(offset)
      if byte != UInt8(truncatingIfNeeded: rest) { return nil }
      rest >>= 8
    }
    return entry.value
  }
}

/// Goes through a block's entries in order.
struct IndexBlockCursor {
  let block: IndexBlock
  private(set) var key: [UInt8] = []
  private(set) var value = 0..<0
  private var at = 0

  init(_ block: IndexBlock) { self.block = block }

  /// Steps to the next entry; false at the end.
  mutating func next() -> Bool {
    let bytes = block.bytes
    guard let entry = block.entry(bytes.rawSpan, at), entry.shared <= key.count else {
      return false
    }
    key.removeSubrange(entry.shared...)
    key.append(contentsOf: bytes[entry.own])
    value = entry.value
    at = entry.value.upperBound
    return true
  }
}
