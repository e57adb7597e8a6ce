// What the tests of the value log share: a host that gives numbers, pages made of dice, and reading
// a log back.

import VarveBase
import VarveFile

@testable import VarveEngine

/// A host with room for a given count of segments.
final class StoreHost: SegmentHost {
  struct State {
    var next: UInt64
    var room: Int
    var sealed: [SegmentSummary] = []
  }

  let state: Locked<State>

  init(room: Int = 1000, next: UInt64 = 1) { state = Locked(State(next: next, room: room)) }

  func segmentFailed(_ number: UInt64) {}
  func segmentLost(_ number: UInt64, _ error: FileError) {}

  func admitSegment() throws(LogError) -> UInt64 {
    try state.withLock { (state) throws(LogError) -> UInt64 in
      guard state.room > 0 else { throw .noSpace }
      state.room -= 1
      defer { state.next += 1 }
      return state.next
    }
  }

  func segmentSealed(_ summary: SegmentSummary) { state.withLock { $0.sealed.append(summary) } }

  func namespaceName(_ id: UInt32) -> String? { id == 9 ? nil : "namespace \(id)" }

  var sealed: [SegmentSummary] { state.withLock { $0.sealed } }
}

extension StoreDice {
  /// Places and ids of a run of pages, as a put would give them: chained, random, or broken off.
  mutating func names(_ count: Int) -> [(PageID, WindowPlace)] {
    var result: [(PageID, WindowPlace)] = []
    var place = WindowPlace(firstAfter: below(3) == 0 ? .zero : id())
    for _ in 0..<count {
      let id = id()
      result.append((id, place))
      switch below(6) {
      case 0: place = WindowPlace(firstAfter: self.id())
      case 1:
        let index = below(32)
        place = WindowPlace(
          anchor0: next(), anchor1: next(), index: UInt8(index),
          path: bytes(index * WindowPlace.digestBytes))
      default: place = place.next(after: id)
      }
    }
    return result
  }

  /// Fills a buffer with pages; the gaps between some of them are what a failed page leaves.
  mutating func fill(
    _ buffer: ExtentBuffer, count: Int, bytesMax: Int, namespaces: Int = 3
  ) -> [PendingPage] {
    var pages: [PendingPage] = []
    var offset = 0
    for (id, place) in names(count) {
      if below(8) == 0 { offset += below(1000) }
      let bytes = self.bytes(1 + below(bytesMax))
      guard offset + bytes.count <= buffer.payloadBytesMax else { break }
      unsafe buffer.payload(offset: offset, count: bytes.count).copyBytes(from: bytes)
      pages.append(
        PendingPage(
          name: PageName(namespace: UInt32(1 + below(namespaces)), id: id), birth: next() >> 8,
          rawBytes: UInt32(bytes.count), checksum: XXH3.hash(bytes), putMillis: next() >> 20,
          expirySeconds: below(2) == 0 ? 0 : next() >> 30, place: place, payloadOffset: offset))
      offset += bytes.count
    }
    return pages
  }

  mutating func control() -> ControlEntry {
    let (id, place) = names(1)[0]
    return ControlEntry(
      kind: ControlEntry.Kind.allCases[below(4)],
      name: PageName(namespace: UInt32(1 + below(3)), id: id), sequence: next() >> 8, place: place,
      value: next())
  }
}

/// What an append should have left: the record of each of its pages.
func records(_ pages: [PendingPage], _ receipt: AppendReceipt) -> [PageRecord] {
  zip(pages, receipt.locations).map { page, location in
    PageRecord(
      name: page.name, birth: page.birth, location: location, putMillis: page.putMillis,
      expirySeconds: page.expirySeconds, place: page.place)
  }
}

/// An in-memory disk with a durable directory `/data`.
func memoryDisk(hasDirect: Bool = true) throws -> MemoryFileSystem {
  let files = MemoryFileSystem(hasDirect: hasDirect)
  try files.createDirectory("/data")
  try files.syncDirectory("/")
  return files
}

func makeLog(
  _ files: any FileSystem, _ directory: String, _ host: StoreHost,
  segmentBytes: Int = Limits.segmentBytesMin, start: LogPosition = .start,
  bootID: BootID = BootID(1, 2)
) -> ValueLog {
  ValueLog(
    files, directory: directory, segmentBytes: segmentBytes, bootID: bootID, clock: ManualClock(),
    host: host, start: start)
}

/// Every segment's scan, in order.
func scanAll(
  _ files: any FileSystem, _ directory: String, check: PayloadCheck = .beyondSynced
) throws -> [SegmentScan] {
  let scanner = SegmentScanner(files, directory: directory)
  var scans: [SegmentScan] = []
  for listing in try SegmentListing.list(files, directory: directory) {
    guard listing.header != nil else { continue }
    scans.append(try scanner.scan(listing, check: check))
  }
  return scans
}

func pageBytes(
  _ files: any FileSystem, _ directory: String, _ location: Location
) throws -> [UInt8]? {
  let reader = try SegmentReader.open(files, directory: directory, number: location.segment)
  return try reader.bytes(
    offset: UInt64(location.offset), count: Int(location.storedBytes))
}

/// Classic hex dump lines of 16 bytes; lines of zeros are left out.
func sparseHexDump(_ bytes: [UInt8]) -> String {
  var lines: [String] = []
  for start in stride(from: 0, to: bytes.count, by: 16) {
    let row = bytes[start..<min(start + 16, bytes.count)]
    if row.allSatisfy({ $0 == 0 }) { continue }
    let hex = row.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    let offset = String(start, radix: 16)
    lines.append(String(repeating: "0", count: 8 - offset.count) + offset + "  " + hex)
  }
  return lines.joined(separator: "\n")
}
