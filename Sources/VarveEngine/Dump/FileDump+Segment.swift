// A segment as text: header, extents with their entries, holes, footer and trailer.

internal import VarveBase
internal import VarveFile

extension FileDump {
  mutating func dumpSegment(_ name: String) {
    let directory = parent(of: path)
    do throws(LogError) {
      let listing = try SegmentListing(files, directory: directory, name: name)
      if let error = listing.headerDamage { damage(error) }
      if case .unreadable(let error) = listing.state { throw error }
      guard let header = listing.header else { return }
      line(
        "segment \(header.number) version \(SegmentHeader.version) boot \(header.bootID.hex) "
          + "created \(header.createdMillis) salt \(String(header.salt, radix: 16)) "
          + "bytes \(listing.fileBytes)")
      let scan = try SegmentScanner(files, directory: directory).scan(listing, check: .all)
      if case .damagedFooter(let error) = scan.source { damage(error) }
      if let error = scan.unreadable { damage(error) }
      dump(scan)
      if scan.source == .footer { try compareHeaders(scan, directory) }
      guard case .sealed(_, let trailer) = listing.state else { return line("unsealed") }
      for (id, name) in scan.namespaces.sorted(by: { $0.key < $1.key }) {
        line("footer namespace \(id) name \(name.debugDescription)")
      }
      line(
        "trailer footer \(trailer.footerOffset) bytes \(trailer.footerBytes) extents "
          + "\(trailer.extentCount) pages \(trailer.pageCount) controls \(trailer.controlCount) "
          + "payload \(trailer.payloadBytes) sequence_max \(trailer.sequenceMax)")
    } catch {
      damage(error)
    }
  }

  /// A footer repeats the headers; they are then not read at their own places.
  private mutating func compareHeaders(
    _ scan: SegmentScan, _ directory: String
  ) throws(LogError) {
    let reader = try SegmentReader.open(files, directory: directory, number: scan.number)
    for extent in scan.extents {
      let offset = extent.position.offset
      guard try reader.bytes(offset: offset, count: extent.headerUsed.count) != extent.headerUsed
      else { continue }
      damage(
        LogError.corrupt(
          path: path, offset: offset, reason: "header differs from its copy in the footer"))
    }
  }

  private mutating func dump(_ scan: SegmentScan) {
    var end = UInt64(SegmentHeader.byteCount)
    for extent in scan.extents {
      let offset = extent.position.offset
      if offset > end { line("hole at \(end) bytes \(offset - end)") }
      end = extent.endOffset
      line(
        "extent at \(offset) header \(extent.header.headerBytes) payload "
          + "\(extent.header.payloadBytes) synced_up_to \(extent.header.syncedUpTo.segment):"
          + "\(extent.header.syncedUpTo.offset)")
      for page in extent.pages {
        line(
          "  page \(page.name.namespace) \(page.name.id.hex) birth \(page.birth) "
            + "\(text(page.location)) put \(page.putMillis) expiry \(page.expirySeconds) "
            + "window \(page.place.index) path \(hex(page.place.ownPath))")
      }
      for control in extent.controls {
        line(
          "  \(control.kind) \(control.name.namespace) \(control.name.id.hex) sequence "
            + "\(control.sequence) value \(control.value)")
      }
      if extent.pagesDropped > 0 {
        damage(
          LogError.corrupt(
            path: path, offset: offset,
            reason: "\(extent.pagesDropped) pages do not have their checksums"))
      }
    }
  }
}
