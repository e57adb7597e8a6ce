// Bytes of the manifest, CURRENT and the namespace table's second copy. Little-endian.
//
// MANIFEST-%016x: header, then one record a committed batch.
//   0   8  magic "VARVEMAN"          0   4  marker "VEDT"
//   8   4  version (1)               4   4  payload bytes, at least 1
//  12   4  zero                      8   8  number of the batch in this file, from 1
//  16   8  number of the file       16   4  CRC32C of 0 ..< 16 and the payload, seeded with the
//  24   8  snapshot bytes                   file's number and the record's offset
//  32   4  zero                     20   n  payload: edits (ManifestEdit+Bytes.swift)
//  36   4  CRC32C of 0 ..< 36
// Records in the first `snapshot bytes` after the header were synced before CURRENT named the file.
//
// CURRENT: "MANIFEST-%016x %08x\n", the second word being the CRC32C of the first.
//
// NAMESPACES:
//   0   8  magic "VARVENSP"
//   8   4  version (1)
//  12   4  payload bytes
//  16   4  CRC32C of 0 ..< 16 and the payload
//  20   n  payload: edits createNamespace …, nextNamespace

internal import VarveBase

package enum ManifestFormat {
  static let magic = Array("VARVEMAN".utf8)
  package static let version: UInt32 = 1
  static let headerBytes = 40
  static let marker = Array("VEDT".utf8)
  static let recordHeadBytes = 20
  static let namespacesMagic = Array("VARVENSP".utf8)
  static let namespacesHeadBytes = 20
  package static let currentName = "CURRENT"
  package static let namespacesName = "NAMESPACES"
  static let prefix = "MANIFEST-"

  package static func name(_ number: UInt64) -> String { prefix + hex(number, digits: 16) }

  /// The number in a manifest's name; nil for every other name.
  package static func number(ofName name: String) -> UInt64? {
    guard name.hasPrefix(prefix) else { return nil }
    return number(ofHex: name.dropFirst(prefix.count))
  }

  static func header(number: UInt64, snapshotBytes: Int) -> [UInt8] {
    var bytes = magic
    bytes.appendLE(version)
    bytes.appendLE(UInt32(0))
    bytes.appendLE(number)
    bytes.appendLE(UInt64(snapshotBytes))
    bytes.appendLE(UInt32(0))
    bytes.appendLE(CRC32C.checksum(bytes))
    return bytes
  }

  static func record(
    _ payload: [UInt8], batch: UInt64, number: UInt64, offset: Int
  ) -> [UInt8] {
    precondition(!payload.isEmpty, "an empty batch is not written")
    precondition(payload.count <= Int(UInt32.max), "a batch of \(payload.count) bytes")
    var bytes = marker
    bytes.appendLE(UInt32(payload.count))
    bytes.appendLE(batch)
    let checksum = FormatChecksum.of(bytes, payload, number: number, offset: UInt64(offset))
    bytes.appendLE(checksum)
    bytes.append(contentsOf: payload)
    return bytes
  }

  static func current(number: UInt64) -> [UInt8] {
    let word = name(number)
    let checksum = CRC32C.checksum(Array(word.utf8))
    return Array("\(word) \(hex(UInt64(checksum), digits: 8))\n".utf8)
  }

  /// The number of the manifest in force.
  static func readCurrent(_ bytes: [UInt8], file: String) throws(IndexError) -> UInt64 {
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    if let word = words.first, let number = number(ofName: String(word)),
      bytes == current(number: number)
    {
      return number
    }
    throw .corrupt(
      file: file, offset: 0, what: "length of a line that names a manifest",
      expected: UInt64(current(number: 0).count), found: UInt64(bytes.count))
  }

  static func namespaces(_ state: ManifestState) -> [UInt8] {
    var edits = state.namespaces.values.sorted { $0.id < $1.id }.map(ManifestEdit.createNamespace)
    edits.append(.nextNamespace(state.nextNamespace))
    let payload = ManifestEdit.encode(edits)
    var bytes = namespacesMagic
    bytes.appendLE(version)
    bytes.appendLE(UInt32(payload.count))
    bytes.appendLE(CRC32C.checksum(payload, seed: CRC32C.checksum(bytes)))
    bytes.append(contentsOf: payload)
    return bytes
  }

  /// A state that holds nothing but the namespaces.
  static func readNamespaces(_ bytes: [UInt8], file: String) throws(IndexError) -> ManifestState {
    let span = bytes.rawSpan
    try expect(bytes.count >= namespacesHeadBytes, file, 0, "length", 20, UInt64(bytes.count))
    try expect(Array(bytes[0..<8]) == namespacesMagic, file, 0, "magic", 0, span.load(0))
    let payload = Array(bytes[namespacesHeadBytes...])
    let checksum = CRC32C.checksum(payload, seed: CRC32C.checksum(Array(bytes[0..<16])))
    let found: UInt32 = span.load(16)
    try expect(checksum == found, file, 16, "checksum", UInt64(checksum), UInt64(found))
    let version: UInt32 = span.load(8)
    if version != Self.version {
      throw .unknownVersion(file: file, found: version, supported: Self.version)
    }
    let length: UInt32 = span.load(12)
    try expect(
      Int(length) == payload.count, file, 12, "length", UInt64(payload.count), UInt64(length))
    guard let edits = ManifestEdit.decode(payload) else {
      throw .corrupt(
        file: file, offset: 20, what: "bytes that are edits", expected: UInt64(length), found: 0)
    }
    return try ManifestState().applying(edits)
  }

  static func expect(
    _ holds: Bool, _ file: String, _ offset: UInt64, _ what: String, _ expected: UInt64,
    _ found: UInt64
  ) throws(IndexError) {
    if !holds {
      throw .corrupt(file: file, offset: offset, what: what, expected: expected, found: found)
    }
  }

  static func hex(_ value: UInt64, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }

  /// Sixteen lower-case hexadecimal digits, nothing else. The last number is nobody's: whoever
  /// counts on from the highest there is would trap behind it.
  static func number(ofHex text: some StringProtocol) -> UInt64? {
    guard text.utf8.count == 16, let number = UInt64(text, radix: 16), number < .max,
      hex(number, digits: 16) == text
    else { return nil }
    return number
  }
}
