// The footer of a sealed segment: the headers of all its extents once more, side by side, and the
// names of the namespaces they use. One read rebuilds the segment's part of the index.

internal import VarveBase

/// Footer: these 24 bytes, the extents, the namespaces, zeros to the next 4 KiB.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | magic `VFT1` |
/// | 4 | 2 | format version, 1 |
/// | 6 | 2 | reserved, 0 |
/// | 8 | 4 | extents |
/// | 12 | 4 | namespaces |
/// | 16 | 4 | footer bytes used |
/// | 20 | 4 | CRC32C of the used bytes without this field, seeded as an extent's is |
///
/// An extent: offset (4), used bytes (4), the header's used bytes as they are in the extent.
/// A namespace: internal id (4), bytes of the name (2), the name.
package struct Footer {
  package static let magic: UInt32 = 0x3154_4656
  package static let version: UInt16 = 1
  package static let fixedBytes = 24
  package static let perExtentBytes = 8
  package static let perNamespaceBytesMax = 6 + Limits.namespaceNameBytesMax
  private static let checksumAt = 20

  package var extents: [(offset: UInt64, header: [UInt8])] = []
  package var namespaces: [UInt32: String] = [:]

  package init() {}

  /// Bytes of the footer, without padding.
  package var encodedBytes: Int {
    extents.reduce(Self.fixedBytes) { $0 + Self.perExtentBytes + $1.header.count }
      + namespaces.values.reduce(0) { $0 + 6 + $1.utf8.count }
  }

  package func encoded(position: LogPosition, salt: UInt64) -> (bytes: [UInt8], checksum: UInt32) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(extents.reduce(4096) { $0 + $1.header.count + 8 })
    bytes.appendLE(Self.magic)
    bytes.appendLE(Self.version)
    bytes.appendLE(UInt16(0))
    bytes.appendLE(UInt32(extents.count))
    bytes.appendLE(UInt32(namespaces.count))
    bytes.appendLE(UInt32(0))
    bytes.appendLE(UInt32(0))
    for extent in extents {
      bytes.appendLE(UInt32(extent.offset))
      bytes.appendLE(UInt32(extent.header.count))
      bytes.append(contentsOf: extent.header)
    }
    for (id, name) in namespaces.sorted(by: { $0.key < $1.key }) {
      let text = Array(name.utf8)
      precondition(text.count <= Limits.namespaceNameBytesMax, "namespace name is too long")
      bytes.appendLE(id)
      bytes.appendLE(UInt16(text.count))
      bytes.append(contentsOf: text)
    }
    bytes.storeLE(UInt32(bytes.count), at: 16)
    let checksum = Self.checksum(bytes.rawSpan, position: position, salt: salt)
    bytes.storeLE(checksum, at: Self.checksumAt)
    return (bytes, checksum)
  }

  /// The footer in its used bytes; throws `.corrupt` with the offset where they contradict
  /// themselves. The extents' headers are checked one by one by whoever decodes them.
  package init(
    _ bytes: RawSpan, position: LogPosition, salt: UInt64, path: String
  ) throws(LogError) {
    func corrupt(_ at: Int, _ reason: String) -> LogError {
      .corrupt(path: path, offset: position.offset + UInt64(at), reason: "footer " + reason)
    }
    guard bytes.byteCount >= Self.fixedBytes, bytes.load(0, as: UInt32.self) == Self.magic
    else { throw corrupt(0, "magic") }
    guard Int(bytes.load(16, as: UInt32.self)) == bytes.byteCount else {
      throw corrupt(16, "length")
    }
    guard
      bytes.load(Self.checksumAt, as: UInt32.self)
        == Self.checksum(bytes, position: position, salt: salt)
    else { throw corrupt(Self.checksumAt, "checksum") }
    let found: UInt16 = bytes.load(4)
    guard found == Self.version else {
      throw .unsupportedVersion(path: path, found: Int(found), supported: Int(Self.version))
    }
    var at = Self.fixedBytes
    for _ in 0..<bytes.load(8, as: UInt32.self) {
      guard at + 8 <= bytes.byteCount else { throw corrupt(at, "extent") }
      let offset: UInt32 = bytes.load(at)
      let count = Int(bytes.load(at + 4, as: UInt32.self))
      guard count <= Limits.extentHeaderBytesMax, at + 8 + count <= bytes.byteCount else {
        throw corrupt(at, "extent length")
      }
      extents.append((UInt64(offset), bytes.copy(at + 8, count: count)))
      at += 8 + count
    }
    for _ in 0..<bytes.load(12, as: UInt32.self) {
      guard at + 6 <= bytes.byteCount else { throw corrupt(at, "namespace") }
      let count = Int(bytes.load(at + 4, as: UInt16.self))
      guard count <= Limits.namespaceNameBytesMax, at + 6 + count <= bytes.byteCount else {
        throw corrupt(at, "namespace length")
      }
      // Repaired bytes would be another name, and may be longer than a name can be.
      guard
        let name = String(validating: bytes.copy(at + 6, count: count), as: UTF8.self)
      else { throw corrupt(at, "namespace name") }
      namespaces[bytes.load(at)] = name
      at += 6 + count
    }
    guard at == bytes.byteCount else { throw corrupt(at, "has bytes left over") }
  }

  private static func checksum(_ used: RawSpan, position: LogPosition, salt: UInt64) -> UInt32 {
    let seed = SegmentFormat.seed(salt: salt, segment: position.segment, offset: position.offset)
    let start = CRC32C.checksum(used.extracting(0..<checksumAt), seed: seed)
    return CRC32C.checksum(used.extracting(fixedBytes..<used.byteCount), seed: start)
  }
}
