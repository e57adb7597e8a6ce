// The block index of an open table, flat: where each data block lies and the lower bound of its
// keys.

internal import VarveBase

struct TableBlockIndex: Sendable {
  private var offsets: [UInt64] = []
  private var sizes: [UInt32] = []
  private var bounds: [UInt8] = []
  private var boundEnds: [UInt32] = []

  /// Nil unless the payload describes blocks with rising bounds that, with `otherBytes` between and
  /// behind them, fill `0 ..< dataBytes`.
  init?(_ payload: [UInt8], dataBytes: UInt64, otherBytes: UInt64 = 0) {
    guard payload.count >= 4 else { return nil }
    let span = payload.rawSpan
    let count: UInt32 = span.load(0)
    guard count > 0, Int(count) <= payload.count / 2 else { return nil }
    var at = 4
    var offset: UInt64 = 0
    var ownBytes: UInt64 = 0
    for index in 0..<Int(count) {
      guard let gap = Varint.read(span, &at, end: payload.count), gap <= dataBytes,
        let bytes = Varint.read32(span, &at, end: payload.count),
        offset + gap + UInt64(bytes) <= dataBytes, Int(bytes) > TableFormat.blockHeadBytes,
        Int(bytes) <= TableFormat.blockHeadBytes + TableFormat.dataPayloadBytesMax,
        let length = Varint.read32(span, &at, end: payload.count),
        Int(length) <= min(IndexKey.byteCountMax, payload.count - at),
        (index == 0) == (length == 0)
      else { return nil }
      let own = at..<at + Int(length)
      if index > 0 {
        let before = boundRange(index - 1)
        guard ByteOrder.compare(bounds.rawSpan, before, span, own) < 0 else { return nil }
      }
      offsets.append(offset + gap)
      sizes.append(bytes)
      bounds.append(contentsOf: payload[own])
      boundEnds.append(UInt32(bounds.count))
      offset += gap + UInt64(bytes)
      ownBytes += UInt64(bytes)
      at = own.upperBound
    }
    guard at == payload.count, ownBytes + otherBytes == dataBytes else { return nil }
  }

  var count: Int { boundEnds.count }
  var byteCount: Int { bounds.count + 16 * boundEnds.count }

  private func boundRange(_ index: Int) -> Range<Int> {
    (index == 0 ? 0 : Int(boundEnds[index - 1]))..<Int(boundEnds[index])
  }

  /// Where block `index` lies in the file, its head included.
  func range(_ index: Int) -> Range<Int> {
    let start = Int(offsets[index])
    return start..<start + Int(sizes[index])
  }

  /// The one block that can hold `key`: the last whose bound is not above it.
  func blockIndex(of key: [UInt8]) -> Int {
    var low = 0
    var high = count
    while high - low > 1 {
      let middle = (low + high) / 2
      let order = ByteOrder.compare(
        bounds.rawSpan, boundRange(middle), key.rawSpan, 0..<key.count)
      if order <= 0 { low = middle } else { high = middle }
    }
    return low
  }
}
