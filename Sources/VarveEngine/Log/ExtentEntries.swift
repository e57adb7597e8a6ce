// The entries of an extent header, one a page or control word, and how a page's window place is
// shortened against the entry before it: consecutive pages of a chain need no bytes for it at all.

internal import VarveBase

/// Page entry, 84 bytes and then the place unless flag 1 is set:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | namespace (internal id) |
/// | 4 | 32 | page id |
/// | 36 | 8 | birth |
/// | 44 | 4 | raw bytes |
/// | 48 | 4 | stored bytes |
/// | 52 | 8 | XXH3-64 of the raw bytes |
/// | 60 | 4 | payload offset, from the extent's first payload byte |
/// | 64 | 8 | put time, milliseconds since 1970 |
/// | 72 | 8 | expiry, seconds since 1970; 0 never |
/// | 80 | 1 | codec |
/// | 81 | 1 | flags: 1 the place follows the entry before; 2 its anchor is that entry's |
/// | 82 | 1 | window index (0 with flag 1) |
/// | 83 | 1 | digests shared with the path of the entry before (0 with flag 1) |
///
/// Place: the anchor (16, not with flag 2), then (index − shared) digests of 3 bytes; in an extent
/// of version 1, of 5, of which the first 3 count.
///
/// Control entry, 56 bytes and then the place: kind (1), flags (1), window index (1), shared (1),
/// namespace (4), page id (32), sequence (8), value (8).
package enum ExtentEntries {
  package static let pageBytes = 84
  package static let controlBytes = 56
  private static let digestBytesOfVersion1 = 5
  private static let flagFollows: UInt8 = 1
  private static let flagSameAnchor: UInt8 = 2

  /// What the next entry is shortened against.
  private struct Previous {
    var id: PageID
    var place: WindowPlace
  }

  // MARK: Writing

  package static func encode(_ pages: [PendingPage]) -> [UInt8] {
    precondition(!pages.isEmpty && pages.count <= Limits.extentPagesMax, "\(pages.count) pages")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(pages.count * pageBytes + 64)
    var previous: Previous?
    for page in pages {
      bytes.appendLE(page.name.namespace)
      bytes.append(page.name.id)
      bytes.appendLE(page.birth)
      bytes.appendLE(page.rawBytes)
      bytes.appendLE(page.rawBytes)
      bytes.appendLE(page.checksum)
      bytes.appendLE(UInt32(page.payloadOffset))
      bytes.appendLE(page.putMillis)
      bytes.appendLE(page.expirySeconds)
      bytes.append(PageCodec.raw)
      let head = PlaceHead(page.place, after: previous)
      bytes.append(contentsOf: [head.flags, head.index, head.shared])
      head.appendTail(to: &bytes, page.place)
      previous = Previous(id: page.name.id, place: page.place)
    }
    return bytes
  }

  package static func encode(_ controls: [ControlEntry]) -> [UInt8] {
    precondition(
      !controls.isEmpty && controls.count <= Limits.extentControlsMax, "\(controls.count) controls")
    var bytes: [UInt8] = []
    var previous: Previous?
    for control in controls {
      let head = PlaceHead(control.place, after: previous)
      bytes.append(contentsOf: [control.kind.rawValue, head.flags, head.index, head.shared])
      bytes.appendLE(control.name.namespace)
      bytes.append(control.name.id)
      bytes.appendLE(control.sequence)
      bytes.appendLE(control.value)
      head.appendTail(to: &bytes, control.place)
      previous = Previous(id: control.name.id, place: control.place)
    }
    return bytes
  }

  private struct PlaceHead {
    var flags: UInt8 = 0
    var index: UInt8 = 0
    var shared: UInt8 = 0

    init(_ place: WindowPlace, after previous: Previous?) {
      guard let previous else {
        index = place.index
        return
      }
      if place == previous.place.next(after: previous.id) {
        flags = flagFollows
        return
      }
      index = place.index
      if previous.place.anchor0 == place.anchor0, previous.place.anchor1 == place.anchor1 {
        flags = flagSameAnchor
      }
      let size = WindowPlace.digestBytes
      let common = zip(place.ownPath, previous.place.ownPath).prefix { $0 == $1 }.count
      shared = UInt8(common / size)
    }

    init(_ bytes: RawSpan, at offset: Int) {
      flags = bytes.load(offset)
      index = bytes.load(offset + 1)
      shared = bytes.load(offset + 2)
    }

    func appendTail(to bytes: inout [UInt8], _ place: WindowPlace) {
      if flags & flagFollows != 0 { return }
      if flags & flagSameAnchor == 0 {
        bytes.appendLE(place.anchor0)
        bytes.appendLE(place.anchor1)
      }
      bytes.append(contentsOf: place.ownPath.dropFirst(Int(shared) * WindowPlace.digestBytes))
    }
  }

  // MARK: Reading

  /// The pages of a header whose checksum held; nil when its entries contradict each other (which
  /// then is a bug of the writer, and the extent a miss).
  package static func pages(_ bytes: RawSpan, _ header: ExtentHeader) -> [PageRecord]? {
    guard header.kind == .pages, header.entryCount <= Limits.extentPagesMax else { return nil }
    let payloadStart = header.position.offset + UInt64(header.headerBytes)
    guard payloadStart + UInt64(header.payloadBytes) <= UInt64(UInt32.max) else { return nil }
    var records: [PageRecord] = []
    records.reserveCapacity(header.entryCount)
    var at = ExtentHeader.fixedBytes
    var previous: Previous?
    for _ in 0..<header.entryCount {
      guard at + pageBytes <= header.usedBytes else { return nil }
      let start = at
      at += pageBytes
      let head = PlaceHead(bytes, at: start + 81)
      let name = PageName(namespace: bytes.load(start), id: PageID(bytes, at: start + 4))
      guard let place = place(bytes, head, &at, header, previous, own: name.id)
      else { return nil }
      let stored: UInt32 = bytes.load(start + 48)
      let payloadOffset: UInt32 = bytes.load(start + 60)
      guard UInt64(payloadOffset) + UInt64(stored) <= UInt64(header.payloadBytes), stored > 0
      else { return nil }
      let location = Location(
        segment: header.position.segment, offset: UInt32(payloadStart) + payloadOffset,
        rawBytes: bytes.load(start + 44), storedBytes: stored, checksum: bytes.load(start + 52),
        codec: bytes.load(start + 80))
      records.append(
        PageRecord(
          name: name, birth: bytes.load(start + 36), location: location,
          putMillis: bytes.load(start + 64), expirySeconds: bytes.load(start + 72), place: place))
      previous = Previous(id: name.id, place: place)
    }
    return at == header.usedBytes ? records : nil
  }

  package static func controls(_ bytes: RawSpan, _ header: ExtentHeader) -> [ControlEntry]? {
    guard header.kind == .controls, header.entryCount <= Limits.extentControlsMax,
      header.payloadBytes == 0
    else { return nil }
    var entries: [ControlEntry] = []
    var at = ExtentHeader.fixedBytes
    var previous: Previous?
    for _ in 0..<header.entryCount {
      guard at + controlBytes <= header.usedBytes else { return nil }
      let start = at
      at += controlBytes
      let head = PlaceHead(bytes, at: start + 1)
      guard let kind = ControlEntry.Kind(rawValue: bytes.load(start)),
        let place = place(bytes, head, &at, header, previous, own: nil)
      else { return nil }
      let name = PageName(namespace: bytes.load(start + 4), id: PageID(bytes, at: start + 8))
      entries.append(
        ControlEntry(
          kind: kind, name: name, sequence: bytes.load(start + 40), place: place,
          value: bytes.load(start + 48)))
      previous = Previous(id: name.id, place: place)
    }
    return at == header.usedBytes ? entries : nil
  }

  /// Reads a place's tail at `at`. The path array gets the digests of the pages that follow in this
  /// extent as well, so that their places share it and cost no allocation.
  private static func place(
    _ bytes: RawSpan, _ head: PlaceHead, _ at: inout Int, _ header: ExtentHeader,
    _ previous: Previous?, own: PageID?
  ) -> WindowPlace? {
    guard head.flags & ~(flagFollows | flagSameAnchor) == 0 else { return nil }
    if head.flags & flagFollows != 0 {
      guard head.flags == flagFollows, head.index == 0, head.shared == 0, let previous
      else { return nil }
      return previous.place.next(after: previous.id)
    }
    let end = header.usedBytes
    guard Int(head.index) < Limits.windowPages, head.shared <= head.index else { return nil }
    if head.shared > 0 || head.flags & flagSameAnchor != 0 {
      guard let previous, head.shared <= previous.place.index else { return nil }
    }
    var anchor = (previous?.place.anchor0 ?? 0, previous?.place.anchor1 ?? 0)
    if head.flags & flagSameAnchor == 0 {
      guard at + 16 <= end else { return nil }
      anchor = (bytes.load(at), bytes.load(at + 8))
      at += 16
    }
    let size = WindowPlace.digestBytes
    let stored = header.version == 1 ? digestBytesOfVersion1 : size
    let digests = Int(head.index - head.shared)
    guard at + digests * stored <= end else { return nil }
    var path = Array((previous?.place.path ?? []).prefix(Int(head.shared) * size))
    for _ in 0..<digests {
      for byte in 0..<size { path.append(bytes.load(at + byte)) }
      at += stored
    }
    if let own { appendFollowers(bytes, at, end, &path, own: own, index: Int(head.index)) }
    return WindowPlace(anchor0: anchor.0, anchor1: anchor.1, index: head.index, path: path)
  }

  /// Appends the digests of the page `own` and of those that follow it in the same window. The
  /// entry of `own` ends at `at`; followers have no tail, so each begins where the one before
  /// ends.
  private static func appendFollowers(
    _ bytes: RawSpan, _ at: Int, _ end: Int, _ path: inout [UInt8], own: PageID, index: Int
  ) {
    var (id, start, index) = (own, at, index)
    while index + 1 < Limits.windowPages, start + pageBytes <= end,
      bytes.load(start + 81, as: UInt8.self) == flagFollows
    {
      path.append(contentsOf: id.bytes[0..<WindowPlace.digestBytes])
      id = PageID(bytes, at: start + 4)
      start += pageBytes
      index += 1
    }
  }
}
