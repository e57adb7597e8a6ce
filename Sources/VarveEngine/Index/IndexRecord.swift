// What an index record says, and its bytes. Path and id records of a page carry the same body; the
// id record adds the page's place, so that a walk that lost its alignment finds it again.
//
//   0   1  kind: 1 page, 2 tombstone
//   1  32  page id, whole: compared before use, it certifies every ancestor
//  33   v  sequence: birth of a page, sequence of a delete
//   page only:
//       v  segment    v  offset    v  raw bytes    v  stored bytes    8  XXH3-64 of the raw page
//       1  codec      1  volume    v  put time, ms v  expiry, s (0 never)
//   id records only:
//      16  anchor     1  index    5n  digests before the page, n = index
// v: LEB128 (Varint.swift).

package import VarveBase

/// A record without its place: small, no allocation.
package struct IndexRecord: Equatable, Sendable, BitwiseCopyable {
  /// On disk: never renumber.
  package enum Kind: UInt8, Sendable, BitwiseCopyable {
    case page = 1
    case tombstone = 2
  }

  package var kind: Kind
  package var id: PageID
  /// Birth of a page, sequence of a tombstone. The higher wins.
  package var sequence: UInt64
  /// All zeros in a tombstone.
  package var location: Location
  package var putMillis: UInt64
  package var expirySeconds: UInt64

  package init(_ page: PageRecord) {
    kind = .page
    id = page.name.id
    sequence = page.birth
    location = page.location
    putMillis = page.putMillis
    expirySeconds = page.expirySeconds
  }

  package init(_ tombstone: Tombstone) {
    self.init(tombstone: tombstone.name.id, sequence: tombstone.sequence)
  }

  init(tombstone id: PageID, sequence: UInt64) {
    kind = .tombstone
    self.id = id
    self.sequence = sequence
    location = Location(
      segment: 0, offset: 0, rawBytes: 0, storedBytes: 0, checksum: 0, codec: 0, volume: 0)
    putMillis = 0
    expirySeconds = 0
  }

  /// Whether this one is the word that counts: the higher sequence, then (a moved copy keeps its
  /// birth) the higher segment.
  package func wins(over other: IndexRecord) -> Bool {
    (sequence, location.segment) > (other.sequence, other.location.segment)
  }

  package func page(_ namespace: UInt32, at place: WindowPlace) -> PageRecord {
    PageRecord(
      name: PageName(namespace: namespace, id: id), birth: sequence, location: location,
      putMillis: putMillis, expirySeconds: expirySeconds, place: place)
  }
}

extension IndexRecord {
  /// No value of a path record is longer.
  package static let bodyBytesMax =
    1 + PageID.byteCount + 8 + 2 + 4 * Varint.byteCountMax + 3 * 5

  /// No value of an id record is longer than this and 5 bytes an index.
  package static let placeHeadBytes = WindowPlace.anchorBytes + 1

  package func appendBody(to bytes: inout [UInt8]) {
    bytes.append(kind.rawValue)
    bytes.appendLE(id.word0)
    bytes.appendLE(id.word1)
    bytes.appendLE(id.word2)
    bytes.appendLE(id.word3)
    Varint.append(sequence, to: &bytes)
    guard kind == .page else { return }
    Varint.append(location.segment, to: &bytes)
    Varint.append(UInt64(location.offset), to: &bytes)
    Varint.append(UInt64(location.rawBytes), to: &bytes)
    Varint.append(UInt64(location.storedBytes), to: &bytes)
    bytes.appendLE(location.checksum)
    bytes.append(location.codec)
    bytes.append(location.volume)
    Varint.append(putMillis, to: &bytes)
    Varint.append(expirySeconds, to: &bytes)
  }

  package static func appendPlace(_ place: WindowPlace, to bytes: inout [UInt8]) {
    bytes.appendLE(place.anchor0)
    bytes.appendLE(place.anchor1)
    bytes.append(place.index)
    bytes.append(contentsOf: place.ownPath)
  }

  /// The body at `at`, which moves behind it; nil when the bytes are no body.
  package static func readBody(_ bytes: RawSpan, _ at: inout Int, end: Int) -> IndexRecord? {
    guard at >= 0, end <= bytes.byteCount, end - at > 1 + PageID.byteCount,
      let kind = Kind(rawValue: bytes.load(at))
    else { return nil }
    let id = PageID(bytes, at: at + 1)
    at += 1 + PageID.byteCount
    guard let sequence = Varint.read(bytes, &at, end: end) else { return nil }
    var record = IndexRecord(tombstone: id, sequence: sequence)
    if kind == .tombstone { return record }
    record.kind = .page
    guard let segment = Varint.read(bytes, &at, end: end),
      let offset = Varint.read32(bytes, &at, end: end),
      let rawBytes = Varint.read32(bytes, &at, end: end),
      let storedBytes = Varint.read32(bytes, &at, end: end), end - at >= 10
    else { return nil }
    record.location = Location(
      segment: segment, offset: offset, rawBytes: rawBytes, storedBytes: storedBytes,
      checksum: bytes.load(at), codec: bytes.load(at + 8), volume: bytes.load(at + 9))
    at += 10
    guard let putMillis = Varint.read(bytes, &at, end: end),
      let expirySeconds = Varint.read(bytes, &at, end: end)
    else { return nil }
    record.putMillis = putMillis
    record.expirySeconds = expirySeconds
    return record
  }

  /// The place that fills the bytes from `at` to `end`; nil when they are none.
  package static func readPlace(_ bytes: RawSpan, _ at: Int, end: Int) -> WindowPlace? {
    guard at >= 0, end <= bytes.byteCount, end - at >= placeHeadBytes else { return nil }
    let index: UInt8 = bytes.load(at + WindowPlace.anchorBytes)
    let pathBytes = Int(index) * WindowPlace.digestBytes
    guard Int(index) < Limits.windowPages, end - at == placeHeadBytes + pathBytes else {
      return nil
    }
    return WindowPlace(
      anchor0: bytes.load(at), anchor1: bytes.load(at + 8), index: index,
      path: bytes.copy(at + placeHeadBytes, count: pathBytes))
  }
}
