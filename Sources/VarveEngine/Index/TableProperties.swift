// The properties block: numbers over the table's records, its lowest and highest key, and how it
// changes what each segment holds.

internal import VarveBase

struct TableProperties: Equatable, Sendable {
  var counts = TableCounts()
  var blocks: UInt64 = 0
  var keyMin: [UInt8] = []
  var keyMax: [UInt8] = []
  /// Nil in a table written before there was one: who needs it reads the records.
  var census: PageCensus?

  /// Nine counts and the number of blocks, LEB128; then both keys, each behind its length; then
  /// the census, to the end.
  var payload: [UInt8] {
    var bytes: [UInt8] = []
    for number in counts.numbers + [blocks] { Varint.append(number, to: &bytes) }
    for key in [keyMin, keyMax] {
      Varint.append(UInt64(key.count), to: &bytes)
      bytes.append(contentsOf: key)
    }
    census?.append(to: &bytes)
    return bytes
  }

  init() {}

  init?(_ payload: [UInt8]) {
    let span = payload.rawSpan
    var at = 0
    var numbers: [UInt64] = []
    for _ in 0..<10 {
      guard let number = Varint.read(span, &at, end: payload.count) else { return nil }
      numbers.append(number)
    }
    counts = TableCounts(numbers)
    blocks = numbers[9]
    var keys: [[UInt8]] = []
    for _ in 0..<2 {
      guard let count = Varint.read(span, &at, end: payload.count),
        count <= UInt64(payload.count - at)
      else { return nil }
      keys.append(Array(payload[at..<at + Int(count)]))
      at += Int(count)
    }
    guard IndexKey.parse(keys[0]) != nil, IndexKey.parse(keys[1]) != nil else { return nil }
    if at < payload.count {
      guard let census = PageCensus(span, at: at) else { return nil }
      self.census = census
    }
    keyMin = keys[0]
    keyMax = keys[1]
  }
}

extension TableCounts {
  /// The order on disk, here and in the manifest: never rearrange.
  var numbers: [UInt64] {
    [
      records, pages, tombstones, names, flatBytes, sequenceMin, sequenceMax, segmentMin,
      segmentMax,
    ]
  }

  init(_ numbers: [UInt64]) {
    precondition(numbers.count >= 9, "nine counts")
    records = numbers[0]
    pages = numbers[1]
    tombstones = numbers[2]
    names = numbers[3]
    flatBytes = numbers[4]
    sequenceMin = numbers[5]
    sequenceMax = numbers[6]
    segmentMin = numbers[7]
    segmentMax = numbers[8]
  }
}
