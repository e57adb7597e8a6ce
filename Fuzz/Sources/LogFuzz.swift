// The value log's formats. Checksums are mended, so that what is fuzzed is what stands behind them:
// a decoder believes no length because its checksum held.

import VarveBase
import VarveFile

@testable import VarveEngine

enum ExtentFuzz {
  private static let position = LogPosition(segment: 7, offset: 8192)
  private static let salt: UInt64 = 0x5a17

  /// The first byte: even, an extent header; odd, a footer.
  static func run(_ bytes: [UInt8]) {
    var input = FuzzInput(bytes)
    if input.byte() & 1 == 0 { header(input.rest()) } else { footer(input.rest()) }
  }

  private static func header(_ bytes: [UInt8]) {
    guard bytes.count >= ExtentHeader.fixedBytes, bytes.count <= Limits.extentHeaderBytesMax
    else { return }
    var used = bytes
    LogMending.extent(&used, position, salt)
    do throws(LogError) {
      guard
        let header = try ExtentHeader(used.rawSpan, position: position, salt: salt, path: "fuzz")
      else { return }
      switch header.kind {
      case .pages: _ = ExtentEntries.pages(used.rawSpan, header)
      case .controls: _ = ExtentEntries.controls(used.rawSpan, header)
      }
    } catch {}
  }

  private static func footer(_ bytes: [UInt8]) {
    guard bytes.count >= Footer.fixedBytes else { return }
    var used = bytes
    LogMending.footer(&used, position, salt)
    do throws(LogError) {
      let footer = try Footer(used.rawSpan, position: position, salt: salt, path: "fuzz")
      demand(footer.encodedBytes <= used.count, "a footer longer than its bytes")
      _ = footer.encoded(position: position, salt: salt)
    } catch {}
  }
}

enum SegmentFuzz {
  private static let number: UInt64 = 1
  private static let block = Limits.blockBytes

  /// The input is a segment file from its first block on; heads, footer and trailer are mended
  /// where their magic stands.
  static func run(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    var file = bytes
    let padding = SegmentFormat.padded(file.count) - file.count
    file += [UInt8](repeating: 0, count: padding)
    LogMending.segment(&file, number)
    do {
      let files = MemoryFileSystem()
      try files.createDirectory("/s")
      try files.writeAll(SegmentFormat.path("/s", number), file)
      for listing in try SegmentListing.list(files, directory: "/s") where listing.header != nil {
        let scan = try SegmentScanner(files, directory: "/s").scan(listing, check: .all)
        check(scan, fileBytes: UInt64(file.count))
      }
    } catch is LogError {
    } catch {
      demand(false, "\(error)")
    }
  }

  /// The pages of a scan lie in their extents and, verified, in the file.
  private static func check(_ scan: SegmentScan, fileBytes: UInt64) {
    for extent in scan.extents {
      for page in extent.pages {
        let end = UInt64(page.location.offset) + UInt64(page.location.storedBytes)
        demand(end <= min(extent.endOffset, fileBytes), "a page ends at \(end)")
      }
    }
  }
}

/// Puts checksums right, and the fields whose only use is to be compared.
enum LogMending {
  /// A header in exactly its used bytes.
  static func extent(_ used: inout [UInt8], _ position: LogPosition, _ salt: UInt64) {
    used.storeLE(ExtentHeader.magic, at: 0)
    used.storeLE(ExtentHeader.version, at: 4)
    used.storeLE(UInt32(SegmentFormat.padded(used.count)), at: 8)
    used.storeLE(UInt32(used.count), at: 12)
    ExtentHeader.complete(
      &used, position: position,
      syncedUpTo: LogPosition(segment: position.segment, offset: 0), salt: salt)
  }

  static func footer(_ used: inout [UInt8], _ position: LogPosition, _ salt: UInt64) {
    used.storeLE(Footer.magic, at: 0)
    used.storeLE(Footer.version, at: 4)
    used.storeLE(UInt32(used.count), at: 16)
    let seed = SegmentFormat.seed(salt: salt, segment: position.segment, offset: position.offset)
    let head = CRC32C.checksum(Array(used[..<20]), seed: seed)
    used.storeLE(CRC32C.checksum(Array(used[Footer.fixedBytes...]), seed: head), at: 20)
  }

  static func segment(_ file: inout [UInt8], _ number: UInt64) {
    let salt: UInt64 = 0x5a17
    let header = SegmentHeader(
      number: number, bootID: BootID(1, 2), createdMillis: 1, salt: salt)
    file.replaceSubrange(..<Limits.blockBytes, with: header.encoded())
    var at = Limits.blockBytes
    while at < file.count {
      if file.rawSpan.load(at, as: UInt32.self) == ExtentHeader.magic {
        let claimed = Int(file.rawSpan.load(at + 12, as: UInt32.self))
        let most = min(Limits.extentHeaderBytesMax, file.count - at)
        var used = Array(file[at..<at + min(max(claimed, ExtentHeader.fixedBytes), most)])
        extent(&used, LogPosition(segment: number, offset: UInt64(at)), salt)
        file.replaceSubrange(at..<at + used.count, with: used)
      }
      at += Limits.blockBytes
    }
    trailer(&file, number, salt)
  }

  private static func trailer(_ file: inout [UInt8], _ number: UInt64, _ salt: UInt64) {
    let at = file.count - Limits.blockBytes
    guard at > Limits.blockBytes, Array(file[at..<at + 8]) == SegmentTrailer.magic else { return }
    file.storeLE(number, at: at + 16)
    file.storeLE(salt, at: at + 24)
    let offset: UInt64 = file.rawSpan.load(at + 32)
    let length = Int(file.rawSpan.load(at + 40, as: UInt32.self))
    if length >= Footer.fixedBytes, offset <= UInt64(at), length <= at - Int(offset) {
      let begin = Int(offset)
      var used = Array(file[begin..<begin + length])
      footer(&used, LogPosition(segment: number, offset: offset), salt)
      file.replaceSubrange(begin..<begin + length, with: used)
      file.storeLE(used.rawSpan.load(20, as: UInt32.self), at: at + 72)
    }
    file.storeLE(CRC32C.checksum(Array(file[at..<at + 76])), at: at + 76)
    for index in at + 80..<file.count { file[index] = 0 }
  }
}
