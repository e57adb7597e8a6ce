// What a scan finds in sealed, torn, damaged and foreign files.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

/// Blocks of one file that the disk refuses to read.
final class BadBlocks: FileJudge {
  let path: String
  let bytes: Range<UInt64>
  let refused = Locked(0)

  init(path: String, bytes: Range<UInt64>) {
    self.path = path
    self.bytes = bytes
  }

  func judge(_ call: FileCall) -> FaultEffect {
    guard call.kind == .read, call.path == path,
      bytes.overlaps(call.offset..<call.offset + UInt64(call.byteCount))
    else { return .pass }
    refused.withLock { $0 += 1 }
    return .fail(Errno.inputOutput)
  }
}

@Suite struct LogScanTests {
  /// A log of `count` extents, unsynced and unsealed, and what was appended.
  private func write(
    _ files: any FileSystem, _ directory: String, _ dice: inout StoreDice, count: Int,
    sealing: Bool
  ) throws -> [PageRecord] {
    let host = StoreHost()
    let log = makeLog(files, directory, host)
    let buffer = ExtentBuffer(payloadBytesMax: 256 << 10)
    var all: [PageRecord] = []
    for _ in 0..<count {
      let pages = dice.fill(buffer, count: 1 + dice.below(32), bytesMax: 12_000)
      all += records(pages, try log.append(buffer, pages: pages))
    }
    if sealing { try log.close(sealing: true) }
    return all
  }

  @Test(arguments: StoreDisk.allCases)
  func footersAndTailsTellTheSame(_ disk: StoreDisk) throws {
    for sealing in [true, false] {
      let (files, directory, keep) = try disk.make()
      defer { withExtendedLifetime(keep) {} }
      var dice = StoreDice.seeded("footersAndTails")
      let written = try write(files, directory, &dice, count: 40, sealing: sealing)
      let scans = try scanAll(files, directory)
      #expect(scans.flatMap { $0.extents.flatMap(\.pages) } == written)
      #expect(scans.allSatisfy { $0.pagesDropped == 0 && $0.blocksSkipped == 0 })
      #expect(scans.last?.source == (sealing ? .footer : .tail))
      // The last segment may be short, and hold pages of some namespaces only.
      for scan in scans where sealing {
        let used = Set(scan.extents.flatMap(\.pages).map(\.name.namespace))
        #expect(
          scan.namespaces == Dictionary(uniqueKeysWithValues: used.map { ($0, "namespace \($0)") }))
      }
      let all = try scanAll(files, directory, check: .all)
      #expect(all.flatMap { $0.extents.flatMap(\.pages) } == written)
    }
  }

  @Test func aFooterIsReadWithoutPayloads() throws {
    let files = try memoryDisk()
    var dice = StoreDice.seeded("aFooterIsRead")
    _ = try write(files, "/data", &dice, count: 20, sealing: true)
    for scan in try scanAll(files, "/data") { #expect(scan.bytesRead <= 64 << 10) }
  }

  @Test func holesTornTailsAndGarbageAreMisses() throws {
    var dice = StoreDice.seeded("holes")
    for _ in 0..<20 {
      let files = try memoryDisk()
      let written = try write(files, "/data", &dice, count: 12, sealing: false)
      let path = SegmentFormat.path("/data", 1)
      let file = try files.open(path, .readWrite(direct: false))
      let size = Int(try file.size())
      var damaged: [Range<Int>] = []
      for _ in 0..<1 + dice.below(4) {
        let start = 4096 + dice.below((size - 4096) / 4096) * 4096
        let count = min(size - start, 4096 * (1 + dice.below(8)))
        let bytes = dice.below(2) == 0 ? [UInt8](repeating: 0, count: count) : dice.bytes(count)
        try file.write(bytes, at: UInt64(start))
        damaged.append(start..<start + count)
      }
      if dice.below(2) == 0 {
        let end = size - dice.below(5) * 4096
        try file.truncate(to: UInt64(end))
        damaged.append(end..<size)
      }
      let scans = try scanAll(files, "/data")
      let found = scans.flatMap { $0.extents.flatMap(\.pages) }
      // Nothing invented, everything found verifies, and every extent whose blocks were all spared
      // is there whole.
      for page in found {
        #expect(written.contains(page))
        let bytes = try #require(try pageBytes(files, "/data", page.location))
        #expect(XXH3.hash(bytes) == page.location.checksum)
      }
      // A header's block is never more than 12 KiB before its first page: a page is certain to be
      // found if nothing from there to its end was touched and its whole extent was spared.
      let lost = written.filter { !found.contains($0) }
      for page in lost where damaged.isEmpty {
        Issue.record("lost \(page.name) without damage")
      }
      let first = damaged.map(\.lowerBound).min() ?? 0
      for page in lost {
        let end = Int(page.location.offset) + Int(page.location.storedBytes)
        #expect(end > first, "a page before all damage was lost")
      }
    }
  }

  @Test func theScanGoesOnBehindAHole() throws {
    let files = try memoryDisk()
    let host = StoreHost()
    let log = makeLog(files, "/data", host)
    var dice = StoreDice.seeded("behindAHole")
    let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    var kept: [PageRecord] = []
    for index in 0..<5 {
      let pages = dice.fill(buffer, count: 8, bytesMax: 6000)
      let receipt = try log.append(buffer, pages: pages)
      guard index == 2 else {
        kept += records(pages, receipt)
        continue
      }
      // Wipe the third extent's header, as if its write never reached the disk.
      let file = try files.open(SegmentFormat.path("/data", 1), .readWrite(direct: false))
      let start = UInt64(receipt.locations[0].offset) / 4096 * 4096 - 4096
      let count = Int(receipt.endOffset - start)
      try file.write([UInt8](repeating: 0, count: count), at: start)
    }
    let scans = try scanAll(files, "/data")
    #expect(scans.flatMap { $0.extents.flatMap(\.pages) } == kept)
    #expect(scans[0].blocksSkipped > 0)
  }

  @Test func staleBlocksOfAnotherSegmentAreMisses() throws {
    let files = try memoryDisk()
    let host = StoreHost()
    defer { withExtendedLifetime(host) {} }
    let log = makeLog(files, "/data", host)
    var dice = StoreDice.seeded("stale")
    let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    let pages = dice.fill(buffer, count: 8, bytesMax: 6000)
    let receipt = try log.append(buffer, pages: pages)
    log.roll()
    _ = try log.append(buffer, pages: pages)
    // The same extents, moved by a misdirected write: within the segment and from another.
    let file = try files.open(SegmentFormat.path("/data", 1), .readWrite(direct: false))
    let other = try files.open(SegmentFormat.path("/data", 2), .read(direct: false))
    let count = Int(receipt.endOffset) - 4096
    let own = try file.read(count: count, at: 4096)
    let foreign = try other.read(count: count, at: 4096)
    try file.write(own, at: receipt.endOffset)
    try file.write(foreign, at: receipt.endOffset + UInt64(count))
    try file.write(foreign, at: receipt.endOffset + UInt64(2 * count))
    let scans = try scanAll(files, "/data")
    #expect(scans[0].extents.count == 1)
    #expect(scans[1].extents.count == 1)
  }

  @Test func aDamagedFooterFallsBackToTheExtents() throws {
    var dice = StoreDice.seeded("damagedFooter")
    for _ in 0..<10 {
      let files = try memoryDisk()
      let written = try write(files, "/data", &dice, count: 10, sealing: true)
      let listing = try SegmentListing.list(files, directory: "/data")[0]
      guard case .sealed(_, let trailer) = listing.state else {
        Issue.record("not sealed")
        return
      }
      let bit = Int(trailer.footerOffset) * 8 + dice.below(Int(trailer.footerBytes) * 8)
      files.flipBit(bit, of: listing.path)
      let scan = try SegmentScanner(files, directory: "/data").scan(listing)
      guard case .damagedFooter(.corrupt(let path, _, _)) = scan.source else {
        Issue.record("\(scan.source)")
        return
      }
      #expect(path == listing.path)
      #expect(scan.extents.flatMap(\.pages) == written)
    }
  }

  /// A footer under a good checksum of which one extent is not what lies there.
  @Test func aFooterWhoseExtentsDoNotCheckFallsBackToTheExtents() throws {
    let files = try memoryDisk()
    var dice = StoreDice.seeded("footerExtents")
    let written = try write(files, "/data", &dice, count: 4, sealing: true)
    let listing = try SegmentListing.list(files, directory: "/data")[0]
    guard case .sealed(let header, let trailer) = listing.state else {
      Issue.record("not sealed")
      return
    }
    let position = LogPosition(segment: 1, offset: trailer.footerOffset)
    let reader = try SegmentReader.open(files, directory: "/data", number: 1)
    let bytes = try #require(
      try reader.bytes(offset: position.offset, count: Int(trailer.footerBytes)))
    var footer = try Footer(
      bytes.rawSpan, position: position, salt: header.salt, path: listing.path)
    footer.extents[2].offset += 4096
    let file = try files.open(listing.path, .readWrite(direct: false))
    let changed = footer.encoded(position: position, salt: header.salt).bytes
    try file.write(changed, at: position.offset)
    let scan = try SegmentScanner(files, directory: "/data").scan(listing)
    #expect(
      scan.source
        == .damagedFooter(
          .corrupt(path: listing.path, offset: position.offset, reason: "extent in footer")))
    #expect(scan.extents.flatMap(\.pages) == written)
  }

  @Test func aFooterThatIsCutOffWhileItIsReadFallsBackToTheExtents() throws {
    let files = try memoryDisk()
    var dice = StoreDice.seeded("footerCut")
    let written = try write(files, "/data", &dice, count: 4, sealing: true)
    let listing = try SegmentListing.list(files, directory: "/data")[0]
    let rules = FaultRules([FaultRule(.read, .cutShort(0, errno: Errno.inputOutput))])
    let scan = try SegmentScanner(FaultyFileSystem(files, judge: rules), directory: "/data")
      .scan(listing)
    guard case .damagedFooter(.corrupt(_, _, "footer is cut off")) = scan.source else {
      Issue.record("\(scan.source)")
      return
    }
    #expect(scan.extents.flatMap(\.pages) == written)
  }

  /// One block after the other that the disk refuses for good: what lies in others is found.
  @Test(arguments: [true, false])
  func aBlockThatCannotBeReadCostsWhatLiesInIt(sealing: Bool) throws {
    let files = try memoryDisk()
    var dice = StoreDice.seeded("badBlocks")
    let written = try write(files, "/data", &dice, count: 6, sealing: sealing)
    let path = SegmentFormat.path("/data", 1)
    let extents = try scanAll(files, "/data")[0].extents
    for block in 0..<Int(try files.size(path)) / 4096 {
      let bad = UInt64(block) * 4096..<UInt64(block + 1) * 4096
      let faulty = FaultyFileSystem(files, judge: BadBlocks(path: path, bytes: bad))
      // What the block holds of an extent's header costs the extent, of a page's bytes the page.
      let header =
        sealing
        ? nil
        : extents.first {
          let start = $0.position.offset
          return bad.overlaps(start..<start + UInt64($0.header.headerBytes))
        }
      let expected = written.filter { page in
        let start = UInt64(page.location.offset)
        let isIn = bad.overlaps(start..<start + UInt64(page.location.storedBytes))
        return !isIn && header?.pages.contains(page) != true
      }
      let scan = try scanAll(faulty, "/data", check: .all)
      if block == 0, !sealing {
        #expect(scan.isEmpty, "no copy of the header is left")
        continue
      }
      #expect(
        scan.flatMap { $0.extents.flatMap(\.pages) } == expected, "block \(block) of \(path)")
      let listing = try SegmentListing(faulty, directory: "/data", name: "0000000000000001.vlog")
      let isTold =
        scan[0].unreadable != nil || scan[0].source != .footer || listing.headerDamage != nil
      #expect(isTold || expected == written, "block \(block)")
    }
  }

  /// A drive takes seconds over a block that it cannot read: the blocks beside it must not ask for
  /// it again and again.
  @Test func aBadBlockIsAskedForTwiceAtMost() throws {
    let files = try memoryDisk()
    var dice = StoreDice.seeded("badBlockTwice")
    _ = try write(files, "/data", &dice, count: 6, sealing: false)
    let listing = try SegmentListing.list(files, directory: "/data")[0]
    for block in 1..<UInt64(listing.fileBytes) / 4096 {
      let judge = BadBlocks(path: listing.path, bytes: block * 4096..<(block + 1) * 4096)
      let scanner = SegmentScanner(FaultyFileSystem(files, judge: judge), directory: "/data")
      _ = try scanner.scan(listing, check: .none)
      #expect(judge.refused.withLock { $0 } <= 2, "block \(block)")
    }
  }

  @Test func flippedPayloadBitsDropOnePageOnly() throws {
    var dice = StoreDice.seeded("flippedPayload")
    let files = try memoryDisk()
    let written = try write(files, "/data", &dice, count: 6, sealing: false)
    let victim = written[dice.below(written.count)]
    let bit = Int(victim.location.offset) * 8 + dice.below(Int(victim.location.storedBytes) * 8)
    files.flipBit(bit, of: SegmentFormat.path("/data", victim.location.segment))
    let scans = try scanAll(files, "/data")
    #expect(scans.reduce(0) { $0 + $1.pagesDropped } == 1)
    #expect(scans.flatMap { $0.extents.flatMap(\.pages) } == written.filter { $0 != victim })
  }

  @Test func listingTellsSegmentsFromTheRest() throws {
    let files = try memoryDisk()
    var dice = StoreDice.seeded("listing")
    _ = try write(files, "/data", &dice, count: 1, sealing: true)
    try files.writeAll("/data/notes.txt", [1, 2, 3])
    try files.writeAll("/data/" + SegmentFormat.fileName(77), [1, 2, 3])
    try files.writeAll(
      "/data/" + SegmentFormat.fileName(78), [UInt8](repeating: 0, count: 8192))
    let listings = try SegmentListing.list(files, directory: "/data")
    #expect(listings.map(\.number) == [1, 77, 78, 0])
    #expect(listings[3].state == .foreign && listings[3].name == "notes.txt")
    for index in 1...2 {
      guard case .unreadable(.corrupt) = listings[index].state else {
        Issue.record("\(listings[index].state)")
        return
      }
    }
    #expect(listings[0].fileBytes == listings[0].allocatedBytes)
    var newer = LogFormatTests.header.encoded()
    newer[8] = 3
    newer.storeLE(CRC32C.checksum(Array(newer[0..<60])), at: 60)
    try files.writeAll("/data/" + SegmentFormat.fileName(79), newer)
    #expect(throws: LogError.self) { try SegmentListing.list(files, directory: "/data") }
  }

  @Test func recoveredTailsAreSealed() throws {
    var dice = StoreDice.seeded("recoveredTails")
    for _ in 0..<10 {
      let living = try memoryDisk()
      _ = try write(living, "/data", &dice, count: 30, sealing: false)
      try living.syncDirectory("/data")
      let files = living.crashClone(.random(seed: dice.next(), percent: 80))
      let scanner = SegmentScanner(files, directory: "/data")
      for listing in try SegmentListing.list(files, directory: "/data") {
        guard case .unsealed = listing.state else { continue }
        let scan = try scanner.scan(listing)
        let summary = try SegmentSealer.seal(files, listing, scan) { "n\($0)" }
        #expect(summary.fileBytes <= UInt64(Limits.segmentBytesMin))
        let again = try SegmentListing(files, directory: "/data", name: listing.name)
        guard case .sealed = again.state else {
          Issue.record("\(again.state)")
          continue
        }
        let sealed = try scanner.scan(again, check: .all)
        #expect(sealed.source == .footer)
        #expect(sealed.pagesDropped == 0)
        #expect(sealed.extents.flatMap(\.pages) == scan.extents.flatMap(\.pages))
        #expect(summary.pageCount == sealed.pageCount)
      }
    }
  }

  @Test func anEmptySegmentIsSealedWithoutTouchingItsHeader() throws {
    let files = try memoryDisk()
    try files.writeAll(
      "/data/" + SegmentFormat.fileName(5),
      SegmentHeader(number: 5, bootID: BootID(1, 2), createdMillis: 3, salt: 4).encoded())
    let scanner = SegmentScanner(files, directory: "/data")
    let listing = try SegmentListing.list(files, directory: "/data")[0]
    let summary = try SegmentSealer.seal(files, listing, try scanner.scan(listing)) { _ in nil }
    #expect(summary.fileBytes == 3 * 4096 && summary.pageCount == 0)
    let sealed = try SegmentListing.list(files, directory: "/data")[0]
    guard case .sealed = sealed.state else {
      Issue.record("\(sealed.state)")
      return
    }
    #expect(try scanner.scan(sealed).extents.isEmpty)
  }
}
