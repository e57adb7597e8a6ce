// Reading a manifest file from its first byte to its last batch.

internal import VarveBase

/// What a manifest file holds.
struct ManifestFile {
  var state = ManifestState()
  /// Bytes from the start that check; behind them lies nothing, or the batch that a crash tore.
  var goodBytes = 0
  var batches: UInt64 = 0
  /// Bytes behind them that do not check.
  var tornBytes = 0

  /// Reads the whole file.
  ///
  /// A batch that does not check is the torn last one if no batch that checks follows it, and is
  /// then as if never written: it was never synced, so nobody was told of it. Otherwise it is
  /// damage. (A last batch damaged after its sync cannot be told from a torn one.)
  init(_ bytes: [UInt8], number: UInt64, file: String) throws(IndexError) {
    let snapshotEnd = try Self.checkHeader(bytes, number: number, file: file)
    goodBytes = ManifestFormat.headerBytes
    while goodBytes < bytes.count {
      guard let record = Self.record(bytes, at: goodBytes, number: number) else { break }
      let offset = UInt64(goodBytes)
      let batch = batches + 1
      try ManifestFormat.expect(
        record.batch == batch, file, offset, "batch number", batch, record.batch)
      guard let edits = ManifestEdit.decode(record.payload) else {
        throw .corrupt(
          file: file, offset: offset, what: "edits in the batch", expected: 1, found: 0)
      }
      do throws(IndexError) {
        state = try state.applying(edits)
      } catch {
        throw .corrupt(
          file: file, offset: offset, what: "batch (\(error)): edits that fit", expected: 1,
          found: 0)
      }
      batches += 1
      goodBytes += ManifestFormat.recordHeadBytes + record.payload.count
    }
    try ManifestFormat.expect(
      goodBytes >= snapshotEnd, file, UInt64(goodBytes), "end of what was synced",
      UInt64(snapshotEnd), UInt64(goodBytes))
    tornBytes = bytes.count - goodBytes
    if let later = Self.recordBehind(bytes, from: goodBytes + 1, number: number) {
      throw .corrupt(
        file: file, offset: UInt64(goodBytes), what: "place of the next whole batch",
        expected: UInt64(goodBytes), found: UInt64(later))
    }
  }

  /// Returns where the snapshot ends.
  private static func checkHeader(
    _ bytes: [UInt8], number: UInt64, file: String
  ) throws(IndexError) -> Int {
    let size = ManifestFormat.headerBytes
    try ManifestFormat.expect(
      bytes.count >= size, file, 0, "length", UInt64(size), UInt64(bytes.count))
    let span = bytes.rawSpan
    let magicBytes = ManifestFormat.magic
    let magic: UInt64 = magicBytes.rawSpan.load(0)
    try ManifestFormat.expect(span.load(0) == magic, file, 0, "magic", magic, span.load(0))
    let checksum = CRC32C.checksum(Array(bytes[0..<36]))
    let found: UInt32 = span.load(36)
    try ManifestFormat.expect(
      found == checksum, file, 36, "checksum", UInt64(checksum), UInt64(found))
    let version: UInt32 = span.load(8)
    if version != ManifestFormat.version {
      throw .unknownVersion(file: file, found: version, supported: ManifestFormat.version)
    }
    try ManifestFormat.expect(span.load(16) == number, file, 16, "number", number, span.load(16))
    let snapshot: UInt64 = span.load(24)
    let end = UInt64(bytes.count)
    try ManifestFormat.expect(
      snapshot <= end - UInt64(size), file, 24, "snapshot bytes", end - UInt64(size), snapshot)
    return size + Int(snapshot)
  }

  /// The batch at `at` if its bytes are all there and check.
  private static func record(
    _ bytes: [UInt8], at: Int, number: UInt64
  ) -> (batch: UInt64, payload: [UInt8])? {
    let head = ManifestFormat.recordHeadBytes
    guard bytes.count - at >= head, bytes[at] == ManifestFormat.marker[0] else { return nil }
    let span = bytes.rawSpan
    guard Array(bytes[at..<at + 4]) == ManifestFormat.marker else { return nil }
    let length: UInt32 = span.load(at + 4)
    guard length > 0, Int(length) <= bytes.count - at - head else { return nil }
    let payload = Array(bytes[at + head..<at + head + Int(length)])
    let checksum = FormatChecksum.of(
      Array(bytes[at..<at + 16]), payload, number: number, offset: UInt64(at))
    guard span.load(at + 16) == checksum else { return nil }
    return (span.load(at + 8), payload)
  }

  /// The first offset from `from` on where a batch checks.
  private static func recordBehind(_ bytes: [UInt8], from: Int, number: UInt64) -> Int? {
    guard from < bytes.count else { return nil }
    return (from..<bytes.count).first { record(bytes, at: $0, number: number) != nil }
  }
}
