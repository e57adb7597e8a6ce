// Finds what a segment holds: from its footer when it is sealed, else by walking its extents and
// looking for the next header behind a hole. Believes no length before its checksum held.

internal import VarveBase
package import VarveFile

package struct SegmentScanner {
  private let files: any FileSystem
  private let directory: String

  package init(_ files: any FileSystem, directory: String) {
    self.files = files
    self.directory = directory
  }

  /// The extents of a segment from byte `from` on.
  ///
  /// - Parameters:
  ///   - listing: sealed or unsealed; an unreadable or foreign one is a programmer's error.
  ///   - from: where to begin, an extent's start or 0.
  ///   - synced: what the caller knows to be synced; extents before it are not verified.
  ///   - check: payloads to verify in a tail; a sound footer covers only synced payloads, so that
  ///     there `.beyondSynced` reads none.
  package func scan(
    _ listing: SegmentListing, from: UInt64 = 0, synced: LogPosition = .start,
    check: PayloadCheck = .beyondSynced
  ) throws(LogError) -> SegmentScan {
    let reader = try SegmentReader.open(files, directory: directory, number: listing.number)
    switch listing.state {
    case .sealed(let header, let trailer):
      do throws(LogError) {
        var scan = try footerScan(reader, header, trailer, from: from)
        if check == .all { try verify(&scan, reader, fileBytes: listing.fileBytes) { _ in true } }
        return scan
      } catch {
        guard error.isDamage else { throw error }
        let scan = SegmentScan(
          number: listing.number, source: .damagedFooter(error), syncedUpTo: synced, from: from)
        // The footer's own blocks hold no header of an extent at its place, so they are passed.
        return try tailScan(scan, reader, header, listing.fileBytes, .all)
      }
    case .unsealed(let header):
      let scan = SegmentScan(
        number: listing.number, source: .tail, syncedUpTo: synced, from: from)
      return try tailScan(scan, reader, header, listing.fileBytes, check)
    case .unreadable, .foreign:
      preconditionFailure("\(listing.path) has no header to scan by")
    }
  }

  // MARK: Sealed

  private func footerScan(
    _ reader: SegmentReader, _ header: SegmentHeader, _ trailer: SegmentTrailer, from: UInt64
  ) throws(LogError) -> SegmentScan {
    let position = LogPosition(segment: trailer.number, offset: trailer.footerOffset)
    let count = Int(trailer.footerBytes)
    guard let bytes = try reader.bytes(offset: position.offset, count: count) else {
      throw .corrupt(path: reader.path, offset: position.offset, reason: "footer is cut off")
    }
    let footer = try Footer(
      bytes.rawSpan, position: position, salt: header.salt, path: reader.path)
    var scan = SegmentScan(
      number: trailer.number, source: .footer, syncedUpTo: position, from: from)
    scan.bytesRead = UInt64(SegmentFormat.padded(count))
    scan.namespaces = footer.namespaces
    scan.endOffset = trailer.footerOffset
    for extent in footer.extents where extent.offset >= from {
      let place = LogPosition(segment: trailer.number, offset: extent.offset)
      guard
        let parsed = try ExtentHeader(
          extent.header.rawSpan, position: place, salt: header.salt, path: reader.path),
        let scanned = Self.decode(parsed, extent.header),
        scanned.endOffset <= trailer.footerOffset
      else {
        throw .corrupt(path: reader.path, offset: position.offset, reason: "extent in footer")
      }
      scan.extents.append(scanned)
    }
    return scan
  }

  // MARK: Unsealed

  private func tailScan(
    _ start: SegmentScan, _ reader: SegmentReader, _ header: SegmentHeader, _ fileBytes: UInt64,
    _ check: PayloadCheck
  ) throws(LogError) -> SegmentScan {
    var scan = start
    let block = UInt64(Limits.blockBytes)
    var window = SegmentWindow(
      reader, through: AlignedBuffer(byteCount: Limits.scanWindowBytes), endOffset: fileBytes)
    var offset = SegmentFormat.padded(scan.endOffset)
    while offset + block <= fileBytes {
      guard let extent = try extent(at: offset, &window, reader, header, &scan) else {
        scan.blocksSkipped += 1
        offset += block
        continue
      }
      scan.syncedUpTo = max(scan.syncedUpTo, extent.header.syncedUpTo)
      scan.extents.append(extent)
      offset = extent.endOffset
      scan.endOffset = offset
    }
    scan.bytesRead += UInt64(window.takeBytesRead())
    if check != .none {
      let syncedUpTo = scan.syncedUpTo
      try verify(&scan, reader, fileBytes: fileBytes) {
        check == .all || $0.position >= syncedUpTo || $0.endOffset > fileBytes
      }
    }
    return scan
  }

  /// The extent whose header is at `offset`; nil where there is none, or the disk refuses it.
  private func extent(
    at offset: UInt64, _ window: inout SegmentWindow, _ reader: SegmentReader,
    _ header: SegmentHeader, _ scan: inout SegmentScan
  ) throws(LogError) -> ScannedExtent? {
    func bytes(_ count: Int) throws(LogError) -> [UInt8]? {
      do throws(LogError) {
        return try window.bytes(at: offset, count: count)
      } catch {
        guard error.isDamage else { throw error }
        scan.unreadable = error
        return nil
      }
    }
    guard let first = try bytes(ExtentHeader.fixedBytes),
      let claimed = ExtentHeader.claimedBytes(first.rawSpan), let used = try bytes(claimed)
    else { return nil }
    let position = LogPosition(segment: header.number, offset: offset)
    guard
      let parsed = try ExtentHeader(
        used.rawSpan, position: position, salt: header.salt, path: reader.path),
      let padded = try bytes(parsed.headerBytes),
      SegmentFormat.isZero(padded.rawSpan, from: parsed.usedBytes)
    else { return nil }
    return Self.decode(parsed, used)
  }

  static func decode(_ header: ExtentHeader, _ used: [UInt8]) -> ScannedExtent? {
    switch header.kind {
    case .pages:
      guard let pages = ExtentEntries.pages(used.rawSpan, header) else { return nil }
      return ScannedExtent(header: header, headerUsed: used, pages: pages, controls: [])
    case .controls:
      guard let controls = ExtentEntries.controls(used.rawSpan, header) else { return nil }
      return ScannedExtent(header: header, headerUsed: used, pages: [], controls: controls)
    }
  }

  /// Reads the payloads of the extents `wanted` picks and drops the pages that do not verify.
  private func verify(
    _ scan: inout SegmentScan, _ reader: SegmentReader, fileBytes: UInt64,
    _ wanted: (ScannedExtent) -> Bool
  ) throws(LogError) {
    let chosen = scan.extents.indices.filter { wanted(scan.extents[$0]) }
    let longest = chosen.flatMap { scan.extents[$0].pages }.map { Int($0.location.storedBytes) }
      .max()
    guard let longest else { return }
    // A page may begin and end within a block.
    let buffer = AlignedBuffer(
      byteCount: min(1 << 20, SegmentFormat.padded(longest) + Limits.blockBytes))
    for index in chosen {
      var kept: [PageRecord] = []
      for page in scan.extents[index].pages {
        var isSound = false
        do throws(LogError) {
          isSound = try isWhole(page.location, reader, buffer)
        } catch {
          guard error.isDamage else { throw error }
          scan.unreadable = error
        }
        if isSound {
          kept.append(page)
        } else {
          scan.extents[index].pagesDropped += 1
          scan.pagesDropped += 1
        }
        scan.bytesRead += UInt64(SegmentFormat.padded(page.location.storedBytes))
      }
      scan.extents[index].pages = kept
    }
  }

  private func isWhole(
    _ location: Location, _ reader: SegmentReader, _ buffer: AlignedBuffer
  ) throws(LogError) -> Bool {
    // A codec of a later release cannot be checked here; it is dropped rather than trusted.
    guard location.codec == PageCodec.raw, location.rawBytes == location.storedBytes
    else { return false }
    var hash = XXH3.Stream()
    let isThere = unsafe try reader.stream(
      offset: UInt64(location.offset), count: Int(location.storedBytes), through: buffer
    ) { unsafe hash.update($0) }
    return isThere && hash.digest() == location.checksum
  }
}
