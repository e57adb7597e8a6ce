// The bytes of an index record. Nothing is written twice: the bytes of the page's id that its key
// has, and the numbers that the whole block shares, are taken from there.
//
// body
//   0   1  kind: 1 page, 2 tombstone; of a page also flags:
//            4 stored bytes follow (without: as many as raw)
//            8 codec and volume follow (without: raw, 0)
//           16 an expiry follows (without: never)
//           32 raw bytes follow (without: those of the block's base)
//           64 the put time follows whole (without: its difference to the block's base)
//   1   n  the id without what its key has: of a path record bytes 3 ... 31, of an id record bytes
//          16 ... 31. The whole id is compared before use, it certifies every ancestor.
//       v  sequence: birth of a page, sequence of a delete
//   page only:
//       v  segment    v  offset    v  raw bytes, with flag 32    v  stored bytes, with flag 4
//       8  XXH3-64 of the raw page    1  codec, 1  volume, with flag 8
//       v  put time, ms (zigzag without flag 64)    v  expiry, s, with flag 16
// place, behind the body of an id record
//   0   1  index; 128 with it: there is no anchor, the window is at the root
//   1  16  anchor
//      3n  digests before the page, n = index
// v: LEB128 (Varint.swift).

internal import VarveBase

/// What the records of a data block share: it ends with this (IndexBlock.swift).
package struct RecordBase: Equatable, Sendable, BitwiseCopyable {
  package static let byteCount = 12

  package var putMillis: UInt64 = 0
  package var rawBytes: UInt32 = 0

  /// Of a block without pages.
  package init() {}

  /// Of the block whose first page is `record`.
  package init(_ record: IndexRecord) {
    putMillis = record.putMillis
    rawBytes = record.location.rawBytes
  }
}

extension IndexRecord {
  private enum Flag {
    static let kind: UInt8 = 3
    static let storedBytes: UInt8 = 4
    static let codec: UInt8 = 8
    static let expiry: UInt8 = 16
    static let rawBytes: UInt8 = 32
    static let wholePutTime: UInt8 = 64
    static let all: UInt8 = 127
  }

  /// No body is longer: that of a path record with the largest numbers.
  package static let bodyBytesMax =
    1 + PageID.byteCount - WindowPlace.digestBytes + 8 + 2 + 4 * Varint.byteCountMax + 3 * 5

  /// No place of index 0 is longer.
  package static let placeHeadBytes = 1 + WindowPlace.anchorBytes
  private static let rootFlag: UInt8 = 128

  /// Bytes of the id that a key of this kind does not have.
  private static func idBytes(_ kind: IndexKey.Kind) -> Int {
    kind == .id ? PageID.byteCount - 16 : PageID.byteCount - WindowPlace.digestBytes
  }

  // MARK: Writing

  /// Appends the body as it stands under a key of `keyKind`, in a block of `base`.
  package func appendBody(
    to bytes: inout [UInt8], under keyKind: IndexKey.Kind, base: RecordBase
  ) {
    let flagsAt = bytes.count
    bytes.append(kind.rawValue)
    switch keyKind {
    case .path:
      let ownBits = 8 * WindowPlace.digestBytes
      var rest = id.word0 >> UInt64(ownBits)
      for _ in WindowPlace.digestBytes..<8 {
        bytes.append(UInt8(truncatingIfNeeded: rest))
        rest >>= 8
      }
      bytes.appendLE(id.word1)
    case .id: break
    }
    bytes.appendLE(id.word2)
    bytes.appendLE(id.word3)
    Varint.append(sequence, to: &bytes)
    if kind == .page { bytes[flagsAt] |= appendPage(to: &bytes, base) }
  }

  /// Returns the flags.
  private func appendPage(to bytes: inout [UInt8], _ base: RecordBase) -> UInt8 {
    var flags: UInt8 = 0
    Varint.append(location.segment, to: &bytes)
    Varint.append(UInt64(location.offset), to: &bytes)
    if location.rawBytes != base.rawBytes {
      flags |= Flag.rawBytes
      Varint.append(UInt64(location.rawBytes), to: &bytes)
    }
    if location.storedBytes != location.rawBytes {
      flags |= Flag.storedBytes
      Varint.append(UInt64(location.storedBytes), to: &bytes)
    }
    bytes.appendLE(location.checksum)
    if location.codec != PageCodec.raw || location.volume != 0 {
      flags |= Flag.codec
      bytes.append(location.codec)
      bytes.append(location.volume)
    }
    let difference = Int64(bitPattern: putMillis &- base.putMillis)
    if Varint.byteCount(signed: difference) <= Varint.byteCount(putMillis) {
      Varint.append(signed: difference, to: &bytes)
    } else {
      flags |= Flag.wholePutTime
      Varint.append(putMillis, to: &bytes)
    }
    if expirySeconds != 0 {
      flags |= Flag.expiry
      Varint.append(expirySeconds, to: &bytes)
    }
    return flags
  }

  /// What `appendBody` adds at most, whatever the base.
  func flatBodyBytes(under keyKind: IndexKey.Kind) -> Int {
    var bytes = 1 + Self.idBytes(keyKind) + Varint.byteCount(sequence)
    guard kind == .page else { return bytes }
    bytes += Varint.byteCount(location.segment) + Varint.byteCount(UInt64(location.offset))
    bytes += Varint.byteCount(UInt64(location.rawBytes)) + 8 + Varint.byteCount(putMillis)
    if location.storedBytes != location.rawBytes {
      bytes += Varint.byteCount(UInt64(location.storedBytes))
    }
    if location.codec != PageCodec.raw || location.volume != 0 { bytes += 2 }
    if expirySeconds != 0 { bytes += Varint.byteCount(expirySeconds) }
    return bytes
  }

  package static func appendPlace(_ place: WindowPlace, to bytes: inout [UInt8]) {
    if place.isAtRoot {
      bytes.append(place.index | rootFlag)
    } else {
      bytes.append(place.index)
      bytes.appendLE(place.anchor0)
      bytes.appendLE(place.anchor1)
    }
    bytes.append(contentsOf: place.ownPath)
  }

  /// Bytes that `appendPlace` adds.
  static func placeBytes(_ place: WindowPlace) -> Int {
    1 + (place.isAtRoot ? 0 : WindowPlace.anchorBytes)
      + Int(place.index) * WindowPlace.digestBytes
  }

  // MARK: Reading

  /// The body at `at`, which moves behind it; nil when the bytes are no body.
  ///
  /// - Parameter key: the record's, which `IndexKey.parse` takes for one of `keyKind`.
  package static func readBody(
    _ bytes: RawSpan, _ at: inout Int, end: Int, under key: [UInt8], _ keyKind: IndexKey.Kind,
    base: RecordBase
  ) -> IndexRecord? {
    let idBytes = idBytes(keyKind)
    guard at >= 0, end <= bytes.byteCount, end - at > 1 + idBytes else { return nil }
    let flags: UInt8 = bytes.load(at)
    guard let kind = Kind(rawValue: flags & Flag.kind),
      flags & ~(kind == .page ? Flag.all : Flag.kind) == 0
    else { return nil }
    let id = id(bytes, at + 1, under: key, keyKind)
    at += 1 + idBytes
    guard let sequence = Varint.read(bytes, &at, end: end) else { return nil }
    var record = IndexRecord(tombstone: id, sequence: sequence)
    if kind == .tombstone { return record }
    record.kind = .page
    return record.readPage(bytes, &at, end: end, flags, base) ? record : nil
  }

  /// Puts an id together of what its key and its body have.
  private static func id(
    _ bytes: RawSpan, _ at: Int, under key: [UInt8], _ keyKind: IndexKey.Kind
  ) -> PageID {
    let own = key.rawSpan
    switch keyKind {
    case .id:
      return PageID(
        own.load(IndexKey.headBytes), own.load(IndexKey.headBytes + 8), bytes.load(at),
        bytes.load(at + 8))
    case .path:
      // The key ends in the first bytes of the id, which are the lowest of its first word.
      let digestBytes = WindowPlace.digestBytes
      let digestBits = UInt64(8 * digestBytes)
      let digest: UInt64 = own.load(own.byteCount - 8)
      let others: UInt64 = bytes.load(at)
      let word0 = others << digestBits | digest >> (64 - digestBits)
      let rest = at + 8 - digestBytes
      return PageID(word0, bytes.load(rest), bytes.load(rest + 8), bytes.load(rest + 16))
    }
  }

  /// Reads what only pages have; false when the bytes are none.
  private mutating func readPage(
    _ bytes: RawSpan, _ at: inout Int, end: Int, _ flags: UInt8, _ base: RecordBase
  ) -> Bool {
    guard let segment = Varint.read(bytes, &at, end: end),
      let offset = Varint.read32(bytes, &at, end: end)
    else { return false }
    var rawBytes = base.rawBytes
    if flags & Flag.rawBytes != 0 {
      guard let found = Varint.read32(bytes, &at, end: end) else { return false }
      rawBytes = found
    }
    var storedBytes = rawBytes
    if flags & Flag.storedBytes != 0 {
      guard let found = Varint.read32(bytes, &at, end: end) else { return false }
      storedBytes = found
    }
    let hasCodec = flags & Flag.codec != 0
    guard end - at >= (hasCodec ? 10 : 8) else { return false }
    location = Location(
      segment: segment, offset: offset, rawBytes: rawBytes, storedBytes: storedBytes,
      checksum: bytes.load(at), codec: hasCodec ? bytes.load(at + 8) : PageCodec.raw,
      volume: hasCodec ? bytes.load(at + 9) : 0)
    at += hasCodec ? 10 : 8
    if flags & Flag.wholePutTime != 0 {
      guard let found = Varint.read(bytes, &at, end: end) else { return false }
      putMillis = found
    } else {
      guard let found = Varint.readSigned(bytes, &at, end: end) else { return false }
      putMillis = base.putMillis &+ UInt64(bitPattern: found)
    }
    if flags & Flag.expiry != 0 {
      guard let found = Varint.read(bytes, &at, end: end) else { return false }
      expirySeconds = found
    }
    return true
  }

  /// The place that fills the bytes from `at` to `end`; nil when they are none.
  package static func readPlace(_ bytes: RawSpan, _ at: Int, end: Int) -> WindowPlace? {
    guard at >= 0, end <= bytes.byteCount, end - at >= 1 else { return nil }
    let first: UInt8 = bytes.load(at)
    let index = first & ~rootFlag
    let headBytes = first & rootFlag != 0 ? 1 : placeHeadBytes
    let pathBytes = Int(index) * WindowPlace.digestBytes
    guard Int(index) < Limits.windowPages, end - at == headBytes + pathBytes else { return nil }
    let path = bytes.copy(at + headBytes, count: pathBytes)
    if first & rootFlag != 0 {
      return WindowPlace(anchor0: 0, anchor1: 0, index: index, path: path)
    }
    return WindowPlace(
      anchor0: bytes.load(at + 1), anchor1: bytes.load(at + 9), index: index, path: path)
  }
}
