// Writes the end of a segment: footer, trailer, sync. Used by the log for full segments and at
// start for segments that a stop left unsealed.

internal import VarveBase
package import VarveFile

package enum SegmentSealer {
  /// Writes footer and trailer from `offset` and syncs them. What they cover must be synced.
  static func seal(
    _ file: any File, _ header: SegmentHeader, _ footer: Footer, _ totals: SegmentTotals,
    at offset: UInt64
  ) throws(LogError) -> SegmentSummary {
    let position = LogPosition(segment: header.number, offset: offset)
    let (bytes, checksum) = footer.encoded(position: position, salt: header.salt)
    let trailer = SegmentTrailer(
      number: header.number, salt: header.salt, footerOffset: offset,
      footerBytes: UInt32(bytes.count), extentCount: UInt32(footer.extents.count),
      pageCount: UInt32(totals.pageCount), controlCount: UInt32(totals.controlCount),
      payloadBytes: totals.payloadBytes, sequenceMax: totals.sequenceMax,
      footerChecksum: checksum)
    let padded = SegmentFormat.padded(bytes.count)
    let buffer = AlignedBuffer(byteCount: padded + SegmentTrailer.byteCount)
    unsafe buffer.mutableBytes.copyBytes(from: bytes)
    unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.mutableBytes[padded...])
      .copyBytes(from: trailer.encoded())
    do throws(FileError) {
      try withExtendedLifetime(buffer) { () throws(FileError) in
        try unsafe file.write(buffer.bytes, at: offset)
      }
    } catch { throw error.isNoSpace ? .noSpace : .file(error) }
    do throws(FileError) { try file.sync() } catch { throw .syncFailed(error) }
    return trailer.summary(fileBytes: offset + UInt64(buffer.byteCount))
  }

  /// Seals a segment that was found unsealed, from its scan. Pages that did not verify stay out of
  /// the footer: what a rebuild reads there is all sound, and nothing sound is missing.
  ///
  /// The trailer becomes the last block of the file as it is, or ends a file just long enough. What
  /// lies behind the last extent (a torn extent, a footer cut off by the crash) checks as nothing
  /// and is written over, so that the file stays within the space reserved with its extents.
  package static func seal(
    _ files: any FileSystem, _ listing: SegmentListing, _ scan: SegmentScan,
    namespaceName: (UInt32) -> String?
  ) throws(LogError) -> SegmentSummary {
    guard case .unsealed(let header) = listing.state else {
      preconditionFailure("\(listing.path) is not an unsealed segment")
    }
    precondition(scan.isFromStart, "a footer is made of the whole segment")
    let file = try fileCall { () throws(FileError) in
      try files.open(listing.path, .readWrite(direct: true))
    }
    var footer = Footer()
    var totals = SegmentTotals()
    for extent in scan.extents where !extent.pages.isEmpty || !extent.controls.isEmpty {
      let used = extent.pagesDropped == 0 ? extent.headerUsed : kept(extent, salt: header.salt)
      footer.extents.append((extent.position.offset, used))
      totals.add(extent.header, births: extent.pages.map(\.birth) + extent.controls.map(\.sequence))
      totals.pageCount -= extent.pagesDropped
      for id in extent.pages.map(\.name.namespace) + extent.controls.map(\.name.namespace)
      where footer.namespaces[id] == nil {
        footer.namespaces[id] = namespaceName(id)
      }
    }
    do throws(FileError) { try file.sync() } catch { throw .syncFailed(error) }
    let tail = UInt64(SegmentFormat.padded(footer.encodedBytes) + SegmentTrailer.byteCount)
    let end = max(SegmentFormat.padded(listing.fileBytes), scan.endOffset + tail)
    return try seal(file, header, footer, totals, at: end - tail)
  }
}

extension SegmentSealer {
  /// The extent's header as it would be without the pages that did not verify; only footers hold
  /// such a one. Payload offsets count from the end of the header, which may have become shorter.
  private static func kept(_ extent: ScannedExtent, salt: UInt64) -> [UInt8] {
    let position = extent.position
    func draft(headerBytes: Int) -> [UInt8] {
      let payload = position.offset + UInt64(headerBytes)
      let pages = extent.pages.map { page in
        PendingPage(
          name: page.name, birth: page.birth, rawBytes: page.location.rawBytes,
          checksum: page.location.checksum, putMillis: page.putMillis,
          expirySeconds: page.expirySeconds, place: page.place,
          payloadOffset: Int(UInt64(page.location.offset) - payload))
      }
      return ExtentHeader.draft(
        .pages, entries: ExtentEntries.encode(pages), entryCount: pages.count,
        payloadBytes: extent.header.extentBytes - headerBytes)
    }
    let length = SegmentFormat.padded(draft(headerBytes: 0).count)
    var header = draft(headerBytes: length)
    ExtentHeader.markRemade(&header)
    ExtentHeader.complete(
      &header, position: position, syncedUpTo: extent.header.syncedUpTo, salt: salt)
    return header
  }
}

/// Running totals of a segment, for its trailer.
struct SegmentTotals {
  var pageCount = 0
  var controlCount = 0
  var payloadBytes: UInt64 = 0
  var sequenceMax: UInt64 = 0

  mutating func add(_ header: ExtentHeader, births: [UInt64]) {
    switch header.kind {
    case .pages: pageCount += header.entryCount
    case .controls: controlCount += header.entryCount
    }
    payloadBytes += UInt64(header.payloadBytes)
    sequenceMax = max(sequenceMax, births.max() ?? 0)
  }
}
