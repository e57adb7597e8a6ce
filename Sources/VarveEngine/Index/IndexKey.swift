// The two keys of a page (DESIGN §5). Keys are compared as bytes; the path keys of one conversation
// stand side by side, the id keys let any page be found without a hint.
//
//   path key                                    id key
//   0   4  namespace, big-endian                0   4  namespace, big-endian
//   4   1  0                                    4   1  1
//   5  16  anchor: first 16 bytes of the id     5  16  first 16 bytes of the page's id
//          of the last page before the window
//  21  3n  digests: first 3 bytes of the ids
//          of the window's pages up to and
//          with the page itself, n = 1 ... 32

package import VarveBase

package enum IndexKey {
  /// On disk: never renumber.
  package enum Kind: UInt8, Sendable {
    case path = 0
    case id = 1
  }

  package static let headBytes = 5
  package static let idKeyBytes = headBytes + 16
  package static let pathHeadBytes = headBytes + WindowPlace.anchorBytes
  package static let byteCountMax = pathHeadBytes + Limits.windowPages * WindowPlace.digestBytes

  /// Appends the path key of the page `name` that stands at `place`.
  package static func appendPath(_ name: PageName, at place: WindowPlace, to key: inout [UInt8]) {
    key.appendBE(name.namespace)
    key.append(Kind.path.rawValue)
    key.appendLE(place.anchor0)
    key.appendLE(place.anchor1)
    key.append(contentsOf: place.ownPath)
    appendDigest(name.id, to: &key)
  }

  package static func appendID(_ name: PageName, to key: inout [UInt8]) {
    key.appendBE(name.namespace)
    key.append(Kind.id.rawValue)
    key.appendLE(name.id.word0)
    key.appendLE(name.id.word1)
  }

  /// Appends the first 3 bytes of `id`. Words hold their bytes in memory order (little-endian
  /// machines only, as the whole format).
  package static func appendDigest(_ id: PageID, to path: inout [UInt8]) {
    var rest = id.word0
    for _ in 0..<WindowPlace.digestBytes {
      path.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  package static func pathKeyBytes(index: UInt8) -> Int {
    pathHeadBytes + (Int(index) + 1) * WindowPlace.digestBytes
  }

  /// What a key says of itself; nil when no key looks like this.
  package static func parse(_ key: [UInt8]) -> (namespace: UInt32, kind: Kind)? {
    guard key.count >= headBytes, let kind = Kind(rawValue: key[4]) else { return nil }
    let namespace = UInt32(bigEndian: key.rawSpan.loadNative(0))
    switch kind {
    case .id:
      guard key.count == idKeyBytes else { return nil }
    case .path:
      let digests = key.count - pathHeadBytes
      guard digests > 0, digests % WindowPlace.digestBytes == 0, key.count <= byteCountMax else {
        return nil
      }
    }
    return (namespace, kind)
  }

  /// Whether `left` stands before `right`: bytes first, a prefix before what continues it.
  package static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.lexicographicallyPrecedes(right)
  }
}

extension RawSpan {
  /// Four bytes as they lie in memory.
  func loadNative(_ offset: Int) -> UInt32 {
    UInt32(littleEndian: load(offset, as: UInt32.self))
  }
}
