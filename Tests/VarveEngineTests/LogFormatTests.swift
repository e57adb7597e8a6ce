// The formats of the log: golden bytes, round trips, and that no bit can turn unnoticed.

import Foundation
import Testing
import VarveBase

@testable import VarveEngine

@Suite struct LogFormatTests {
  static let header = SegmentHeader(
    number: 0x0102_0304_0506_0708, bootID: BootID(0x1111_2222_3333_4444, 0x5555_6666_7777_8888),
    createdMillis: 1_700_000_000_000, salt: 0xA5A5_5A5A_0F0F_F0F0)
  static let position = LogPosition(segment: header.number, offset: 0x2000)

  /// Three pages of a chain and one of another, with fixed values.
  static func goldenPages() -> [PendingPage] {
    let root = WindowPlace(firstAfter: .zero)
    let ids = (1...4).map { PageID(UInt64($0) * 0x0101_0101_0101_0101, 2, 3, 4) }
    let second = root.next(after: ids[0])
    let places = [
      root, second, second.next(after: ids[1]),
      WindowPlace(anchor0: 7, anchor1: 8, index: 2, path: Array(1...6)),
    ]
    return zip(ids, places).enumerated().map { index, pair in
      PendingPage(
        name: PageName(namespace: 5, id: pair.0), birth: UInt64(100 + index), rawBytes: 4096,
        checksum: 0x1122_3344_5566_7788, putMillis: 1_700_000_000_123, expirySeconds: 0,
        place: pair.1, payloadOffset: index * 4096)
    }
  }

  static func goldenExtent() -> [UInt8] {
    let pages = goldenPages()
    var bytes = ExtentHeader.draft(
      .pages, entries: ExtentEntries.encode(pages), entryCount: 4, payloadBytes: 4 * 4096)
    ExtentHeader.complete(
      &bytes, position: position, syncedUpTo: LogPosition(segment: 3, offset: 0x1000),
      salt: header.salt)
    return bytes
  }

  static func goldenControls() -> [UInt8] {
    let page = goldenPages()[1]
    let control = ControlEntry(kind: .delete, name: page.name, sequence: 200, place: page.place)
    var bytes = ExtentHeader.draft(
      .controls, entries: ExtentEntries.encode([control]), entryCount: 1, payloadBytes: 0)
    ExtentHeader.complete(
      &bytes, position: position, syncedUpTo: LogPosition(segment: 3, offset: 0x1000),
      salt: header.salt)
    return bytes
  }

  static func goldenFooter() -> (bytes: [UInt8], checksum: UInt32) {
    var footer = Footer()
    footer.extents = [(0x2000, goldenControls())]
    footer.namespaces = [5: "llama/kv"]
    return footer.encoded(
      position: LogPosition(segment: header.number, offset: 0x4000), salt: header.salt)
  }

  static func goldenTrailer() -> SegmentTrailer {
    let footer = goldenFooter()
    return SegmentTrailer(
      number: header.number, salt: header.salt, footerOffset: 0x4000,
      footerBytes: UInt32(footer.bytes.count), extentCount: 1, pageCount: 0, controlCount: 1,
      payloadBytes: 0, sequenceMax: 200, footerChecksum: footer.checksum)
  }

  /// The dumps stand in docs/storage-format.md; the documentation is held true by this test.
  @Test(arguments: ["segment-header", "extent-pages", "extent-controls", "footer", "trailer"])
  func documentationShowsTheBytes(_ name: String) throws {
    let bytes =
      switch name {
      case "segment-header": Self.header.encoded()
      case "extent-pages": Self.goldenExtent()
      case "extent-controls": Self.goldenControls()
      case "footer": Self.goldenFooter().bytes
      default: Self.goldenTrailer().encoded()
      }
    let dump = sparseHexDump(bytes)
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(
      contentsOf: root.appendingPathComponent("docs/storage-format.md"), encoding: .utf8)
    let isShown = text.contains("<!-- golden: \(name) -->\n```\n\(dump)\n```")
    #expect(isShown, "\(name) is now\n\(dump)\n")
  }

  @Test func fileNamesAreExact() {
    #expect(SegmentFormat.fileName(0x1F) == "000000000000001f.vlog")
    #expect(SegmentFormat.number(fileName: "000000000000001f.vlog") == 31)
    #expect(SegmentFormat.number(fileName: "fffffffffffffffe.vlog") == UInt64.max - 1)
    for name in [
      // Whoever counts on from the last number would trap.
      "ffffffffffffffff.vlog",
      "000000000000001F.vlog", "1f.vlog", "000000000000001f.vlo", "000000000000001f.vlog.tmp",
      "+00000000000001f.vlog", "", ".vlog", "00000000000000001f.vlog",
    ] {
      #expect(SegmentFormat.number(fileName: name) == nil, "\(name)")
    }
  }

  @Test func segmentHeadersComeBackAndNoBitTurnsUnnoticed() throws {
    let bytes = Self.header.encoded()
    let number = Self.header.number
    #expect(try SegmentHeader(bytes.rawSpan, path: "p", number: number) == Self.header)
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: LogError.self, "bit \(bit)") {
        try SegmentHeader(flipped.rawSpan, path: "p", number: number)
      }
    }
    #expect(throws: LogError.self) { try SegmentHeader(bytes.rawSpan, path: "p", number: 1) }
  }

  @Test func lessThanABlockIsNoSegmentHeader() {
    let short = Array(Self.header.encoded()[0..<100])
    let reason = LogError.corrupt(path: "p", offset: 0, reason: "100 bytes, not a block")
    #expect(throws: reason) { try SegmentHeader(short.rawSpan, path: "p", number: 1) }
  }

  /// Found when one flipped bit in the header of an unsealed segment cost all that lay behind it.
  @Test func oneFlippedBitOfASegmentHeaderCostsNothing() throws {
    let bytes = Self.header.encoded()
    let number = Self.header.number
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      let found = try SegmentHeader.salvaged(flipped.rawSpan, path: "p", number: number)
      #expect(found.header == Self.header && found.damage != nil, "bit \(bit)")
    }
    // As it was written before there was a copy.
    let old = bytes[..<SegmentHeader.copyOffset] + [UInt8](repeating: 0, count: bytes.count / 2)
    let found = try SegmentHeader.salvaged(Array(old).rawSpan, path: "p", number: number)
    #expect(found.header == Self.header && found.damage == nil)
    // Both halves.
    var lost = bytes
    lost[20] ^= 1
    lost[SegmentHeader.copyOffset + 20] ^= 1
    #expect(throws: LogError.self) {
      try SegmentHeader.salvaged(lost.rawSpan, path: "p", number: number)
    }
  }

  @Test func unknownVersionsAreRefusedNamingBoth() throws {
    var bytes = Self.header.encoded()
    bytes[8] = 2
    bytes.storeLE(CRC32C.checksum(Array(bytes[0..<60])), at: 60)
    #expect(throws: LogError.unsupportedVersion(path: "p", found: 2, supported: 1)) {
      try SegmentHeader(bytes.rawSpan, path: "p", number: Self.header.number)
    }
    let text = "\(LogError.unsupportedVersion(path: "p", found: 2, supported: 1))"
    #expect(text.contains("2") && text.contains("1"))
    // An extent of another version whose checksum holds is not garbage; it is another release's.
    var extent = ExtentHeader.draft(
      .pages, entries: ExtentEntries.encode(Self.goldenPages()), entryCount: 4,
      payloadBytes: 4 * 4096)
    extent[4] = 9
    ExtentHeader.complete(
      &extent, position: Self.position, syncedUpTo: .start, salt: Self.header.salt)
    #expect(throws: LogError.unsupportedVersion(path: "p", found: 9, supported: 2)) {
      try ExtentHeader(
        extent.rawSpan, position: Self.position, salt: Self.header.salt, path: "p")
    }
  }

  /// An extent as version 1 wrote it: digests of 5 bytes, of which 3 count now.
  private static func ofVersion1(
    _ kind: ExtentHeader.Kind, _ entries: [UInt8], count: Int, payloadBytes: Int
  ) -> [UInt8] {
    var bytes = ExtentHeader.draft(
      kind, entries: entries, entryCount: count, payloadBytes: payloadBytes)
    bytes[4] = 1
    ExtentHeader.complete(&bytes, position: position, syncedUpTo: .start, salt: header.salt)
    return bytes
  }

  private func header(_ bytes: [UInt8]) throws -> ExtentHeader {
    let parsed = try ExtentHeader(
      bytes.rawSpan, position: Self.position, salt: Self.header.salt, path: "p")
    return try #require(parsed)
  }

  @Test func anExtentOfVersion1IsReadWithShorterDigests() throws {
    let pages = Self.goldenPages()
    var entries = ExtentEntries.encode(pages)
    // The last page's place: six bytes of digests are now ten, in two groups of five.
    let shortened = Array(entries.suffix(6))
    #expect(shortened == Array(1...6))
    entries.removeLast(6)
    let cut = entries
    entries += [1, 2, 3, 77, 78, 4, 5, 6, 79, 80]
    let bytes = Self.ofVersion1(.pages, entries, count: 4, payloadBytes: 4 * 4096)
    let read = ExtentEntries.pages(bytes.rawSpan, try header(bytes))
    #expect(read?.map(\.place) == pages.map(\.place) && read?.map(\.name) == pages.map(\.name))
    for tail in 0..<10 {
      let short = Self.ofVersion1(
        .pages, cut + [UInt8](repeating: 1, count: tail), count: 4, payloadBytes: 4 * 4096)
      #expect(ExtentEntries.pages(short.rawSpan, try header(short)) == nil, "\(tail) bytes")
    }
    let controls = pages.suffix(2).map {
      ControlEntry(kind: .delete, name: $0.name, sequence: 9, place: $0.place)
    }
    // The first word's place is written whole: an anchor and two digests.
    var words = ExtentEntries.encode(controls)
    let place = ExtentEntries.controlBytes + WindowPlace.anchorBytes
    words.insert(contentsOf: [90, 91], at: place + 6)
    words.insert(contentsOf: [92, 93], at: place + 3)
    words.removeLast(6)
    words += [1, 2, 3, 77, 78, 4, 5, 6, 79, 80]
    let deletes = Self.ofVersion1(.controls, words, count: 2, payloadBytes: 0)
    #expect(ExtentEntries.controls(deletes.rawSpan, try header(deletes)) == controls)
  }

  @Test func noBitOfAnExtentHeaderTurnsUnnoticed() throws {
    for bytes in [Self.goldenExtent(), Self.goldenControls()] {
      let salt = Self.header.salt
      #expect(
        try ExtentHeader(bytes.rawSpan, position: Self.position, salt: salt, path: "p") != nil)
      for bit in 0..<bytes.count * 8 {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        let parsed = try ExtentHeader(
          flipped.rawSpan, position: Self.position, salt: salt, path: "p")
        #expect(parsed == nil, "bit \(bit)")
      }
    }
  }

  @Test func anExtentElsewhereIsAMiss() throws {
    let bytes = Self.goldenExtent()
    let salt = Self.header.salt
    for (position, salt) in [
      (LogPosition(segment: Self.position.segment, offset: 0x3000), salt),
      (LogPosition(segment: Self.position.segment + 1, offset: 0x2000), salt),
      (Self.position, salt + 1),
    ] {
      #expect(try ExtentHeader(bytes.rawSpan, position: position, salt: salt, path: "p") == nil)
    }
  }

  /// Found by the fuzz target `extents`: such a name was repaired to another, three times as long,
  /// over what the next footer could hold.
  @Test func aFooterWhoseNamespaceNameIsNotUTF8IsRefused() throws {
    let place = LogPosition(segment: Self.header.number, offset: 0x4000)
    var footer = Footer()
    footer.namespaces = [5: String(repeating: "a", count: Limits.namespaceNameBytesMax)]
    let sound = footer.encoded(position: place, salt: Self.header.salt).bytes
    let bytes = self.footer(sound, place) { bytes in
      for index in Footer.fixedBytes + 6..<bytes.count { bytes[index] = 0xff }
    }
    #expect(
      throws: LogError.corrupt(
        path: "p", offset: place.offset + UInt64(Footer.fixedBytes),
        reason: "footer namespace name")
    ) {
      try Footer(bytes.rawSpan, position: place, salt: Self.header.salt, path: "p")
    }
  }

  /// A footer whose checksum holds, with one field written over.
  private func footer(_ bytes: [UInt8], _ place: LogPosition, _ change: (inout [UInt8]) -> Void)
    -> [UInt8]
  {
    var bytes = bytes
    change(&bytes)
    let seed = SegmentFormat.seed(
      salt: Self.header.salt, segment: place.segment, offset: place.offset)
    let head = CRC32C.checksum(Array(bytes[..<20]), seed: seed)
    bytes.storeLE(CRC32C.checksum(Array(bytes[Footer.fixedBytes...]), seed: head), at: 20)
    return bytes
  }

  @Test func aFooterThatChecksAndMakesNoSenseIsRefused() throws {
    let place = LogPosition(segment: Self.header.number, offset: 0x4000)
    var sound = Footer()
    sound.extents = [(4096, Self.goldenControls())]
    sound.namespaces = [5: "name"]
    let bytes = sound.encoded(position: place, salt: Self.header.salt).bytes
    let namespace = bytes.count - 10
    func read(_ change: (inout [UInt8]) -> Void) throws -> Footer {
      let changed = footer(bytes, place, change)
      return try Footer(changed.rawSpan, position: place, salt: Self.header.salt, path: "p")
    }
    #expect(try read { _ in }.namespaces == [5: "name"])
    for (at, value, reason) in [
      (Footer.fixedBytes + 4, UInt32.max, "footer extent length"),
      (8, 1000, "footer extent"), (12, 2, "footer namespace"),
      (12, 0, "footer has bytes left over"),
    ] {
      let error = #expect(throws: LogError.self) { try read { $0.storeLE(value, at: at) } }
      guard case .corrupt(_, _, let said)? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(said.hasPrefix(reason), "\(said)")
    }
    let long = LogError.corrupt(
      path: "p", offset: place.offset + UInt64(namespace), reason: "footer namespace length")
    #expect(throws: long) { try read { $0.storeLE(UInt16(5), at: namespace + 4) } }
    let version = LogError.unsupportedVersion(path: "p", found: 2, supported: 1)
    #expect(throws: version) { try read { $0.storeLE(UInt16(2), at: 4) } }
  }

  @Test func noBitOfFooterOrTrailerTurnsUnnoticed() throws {
    let footer = Self.goldenFooter().bytes
    let place = LogPosition(segment: Self.header.number, offset: 0x4000)
    let parsed = try Footer(
      footer.rawSpan, position: place, salt: Self.header.salt, path: "p")
    #expect(parsed.namespaces == [5: "llama/kv"])
    #expect(parsed.encodedBytes == footer.count)
    for bit in 0..<footer.count * 8 {
      var flipped = footer
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(throws: LogError.self, "bit \(bit)") {
        try Footer(flipped.rawSpan, position: place, salt: Self.header.salt, path: "p")
      }
    }
    let trailer = Self.goldenTrailer()
    let bytes = trailer.encoded()
    let fileBytes: UInt64 = 0x4000 + 4096 + 4096
    #expect(
      SegmentTrailer(bytes.rawSpan, header: Self.header, fileBytes: fileBytes) == trailer)
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      let parsed = SegmentTrailer(
        flipped.rawSpan, header: Self.header, fileBytes: fileBytes)
      #expect(parsed == nil, "bit \(bit)")
    }
  }

  @Test func consecutivePagesCostNoPlaceBytes() {
    var dice = StoreDice(seed: 1)
    var place = WindowPlace(firstAfter: dice.id())
    var pages: [PendingPage] = []
    for index in 0..<32 {
      let id = dice.id()
      pages.append(
        PendingPage(
          name: PageName(namespace: 1, id: id), birth: 1, rawBytes: 1, checksum: 0, putMillis: 0,
          expirySeconds: 0, place: place, payloadOffset: index))
      place = place.next(after: id)
    }
    #expect(ExtentEntries.encode(pages).count == 32 * 84 + 16)
    #expect(ExtentHeader.fixedBytes + 32 * 84 + 16 <= Limits.blockBytes, "one block for 32 pages")
  }

  @Test func theLargestHeadersFit() {
    var dice = StoreDice(seed: 2)
    let worst = { (index: Int) in
      WindowPlace(
        anchor0: UInt64(index), anchor1: 1, index: 31,
        path: [UInt8](repeating: UInt8(index), count: 31 * WindowPlace.digestBytes))
    }
    let pages = (0..<Limits.extentPagesMax).map { index in
      PendingPage(
        name: PageName(namespace: 1, id: dice.id()), birth: 1, rawBytes: 1, checksum: 0,
        putMillis: 0, expirySeconds: 0, place: worst(index), payloadOffset: index)
    }
    let controls = (0..<Limits.extentControlsMax).map { index in
      ControlEntry(
        kind: .delete, name: PageName(namespace: 1, id: dice.id()), sequence: 1,
        place: worst(index))
    }
    let room = Limits.extentHeaderBytesMax - ExtentHeader.fixedBytes
    #expect(ExtentEntries.encode(pages).count <= room)
    #expect(ExtentEntries.encode(controls).count <= room)
  }

  @Test func randomEntriesComeBack() throws {
    var dice = StoreDice.seeded("randomEntries")
    for _ in 0..<300 {
      let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
      let pages = dice.fill(buffer, count: 1 + dice.below(32), bytesMax: 2000)
      let payload = pages.last.map { $0.payloadOffset + Int($0.rawBytes) } ?? 0
      let position = LogPosition(segment: dice.next(), offset: UInt64(dice.below(1000)) * 4096)
      let salt = dice.next()
      var bytes = ExtentHeader.draft(
        .pages, entries: ExtentEntries.encode(pages), entryCount: pages.count,
        payloadBytes: payload)
      ExtentHeader.complete(&bytes, position: position, syncedUpTo: .start, salt: salt)
      let parsed = try ExtentHeader(bytes.rawSpan, position: position, salt: salt, path: "p")
      let header = try #require(parsed)
      let entries = ExtentEntries.pages(bytes.rawSpan, header)
      let decoded = try #require(entries)
      let start = Int(position.offset) + header.headerBytes
      #expect(decoded.map(\.name) == pages.map(\.name))
      #expect(decoded.map(\.place) == pages.map(\.place))
      #expect(decoded.map(\.birth) == pages.map(\.birth))
      #expect(decoded.map(\.expirySeconds) == pages.map(\.expirySeconds))
      #expect(decoded.map { Int($0.location.offset) } == pages.map { start + $0.payloadOffset })
      let controls = (0..<1 + dice.below(48)).map { _ in dice.control() }
      var more = ExtentHeader.draft(
        .controls, entries: ExtentEntries.encode(controls), entryCount: controls.count,
        payloadBytes: 0)
      ExtentHeader.complete(&more, position: position, syncedUpTo: .start, salt: salt)
      let reparsed = try ExtentHeader(more.rawSpan, position: position, salt: salt, path: "p")
      let second = try #require(reparsed)
      let decodedControls = ExtentEntries.controls(more.rawSpan, second)
      #expect(decodedControls == controls)
    }
  }

  /// Entries under a checksum that holds (a writer's bug, or an attacker who knows the seed): any
  /// answer, but no trap and nothing outside the extent.
  @Test func randomEntriesUnderAGoodChecksumDoNotTrap() throws {
    var dice = StoreDice.seeded("entriesFuzz")
    for round in 0..<3000 {
      var entries = ExtentEntries.encode(Self.goldenPages())
      for _ in 0..<1 + dice.below(4) { entries[dice.below(entries.count)] = UInt8(dice.below(256)) }
      if dice.below(4) == 0 { entries.removeLast(dice.below(entries.count)) }
      let kind: ExtentHeader.Kind = round % 4 == 0 ? .controls : .pages
      var bytes = ExtentHeader.draft(
        kind, entries: entries, entryCount: 1 + dice.below(6), payloadBytes: dice.below(20_000))
      ExtentHeader.complete(&bytes, position: Self.position, syncedUpTo: .start, salt: 1)
      guard
        let header = try ExtentHeader(
          bytes.rawSpan, position: Self.position, salt: 1, path: "p")
      else { continue }
      let end = Int(Self.position.offset) + header.extentBytes
      for page in ExtentEntries.pages(bytes.rawSpan, header) ?? [] {
        #expect(Int(page.location.offset) + Int(page.location.storedBytes) <= end)
      }
      _ = ExtentEntries.controls(bytes.rawSpan, header)
    }
  }

  @Test func garbageIsNoHeader() throws {
    var dice = StoreDice.seeded("garbage")
    for _ in 0..<2000 {
      var bytes = dice.bytes(dice.below(600))
      if bytes.count > 4, dice.below(2) == 0 { bytes.storeLE(ExtentHeader.magic, at: 0) }
      #expect(
        try ExtentHeader(bytes.rawSpan, position: Self.position, salt: 1, path: "p") == nil)
      if bytes.count > 4, dice.below(2) == 0 { bytes.storeLE(Footer.magic, at: 0) }
      #expect(throws: LogError.self) {
        try Footer(bytes.rawSpan, position: Self.position, salt: 1, path: "p")
      }
      var block = dice.bytes(4096)
      block.replaceSubrange(0..<8, with: SegmentTrailer.magic)
      #expect(SegmentTrailer(block.rawSpan, header: Self.header, fileBytes: 1 << 20) == nil)
    }
  }
}
