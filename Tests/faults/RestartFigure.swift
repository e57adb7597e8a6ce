// How long a store of sealed segments takes to start, and what of it is read for that. The segments
// are sparse: their payloads are holes that a start must never look at.

import VarveBase
import VarveEngine
import VarveFile

struct RestartFigure {
  private static let extentBytes = 16 << 20
  let directory: String
  let gigabytes: Int
  let pageBytes: Int
  private let files = CountingFiles(PosixFileSystem())

  init(directory: String, gigabytes: Int, pageBytes: Int) throws {
    precondition(gigabytes > 0, "\(gigabytes) GB")
    precondition(pageBytes > 0 && pageBytes <= Self.extentBytes, "pages of \(pageBytes) bytes")
    self.directory = directory
    self.gigabytes = gigabytes
    self.pageBytes = pageBytes
  }

  func run(_ verdict: inout Verdict) throws {
    var configuration = FaultStore.configuration(directory)
    configuration.capacityBytes = 4 << 40
    configuration.segmentBytes = UInt32(Limits.segmentBytesMax)
    configuration.memtableBytes = Limits.memtableBytesDefault
    let first = try FaultStore(configuration, files: files)
    let namespace = try first.namespace("restart")
    first.close()
    let pages = try writeSegments(namespace)
    try files.remove(directory + "/CURRENT")
    let rebuild = try start(configuration, "index rebuilt from footers", pages, &verdict)
    let restart = try start(configuration, "restart", pages, &verdict)
    let perHundred = restart.seconds * 100 / Double(gigabytes)
    print("restart: \(perHundred) s per 100 GB of sealed data (rebuild \(rebuild.seconds) s)")
    verdict.check(perHundred <= 1, "a restart took \(perHundred) s per 100 GB")
    // First and last block of each segment, the header once more for the probe of direct reads.
    let most = UInt64(restart.segments) * 4 * UInt64(Limits.blockBytes)
    verdict.check(restart.segmentBytes <= most, "\(restart.segmentBytes) bytes of segments read")
  }

  private func start(
    _ configuration: EngineConfiguration, _ what: String, _ pages: Int, _ verdict: inout Verdict
  ) throws -> (seconds: Double, segmentBytes: UInt64, segments: Int) {
    files.reset()
    let started = SystemClock().monotonicNanos()
    let store = try FaultStore(configuration, files: files)
    let seconds = Double(SystemClock().monotonicNanos() - started) / 1e9
    let read = files.bytesRead
    let numbers = store.engine.statistics()
    print(
      "\(what): \(seconds) s for \(gigabytes) GB, \(numbers.pages) pages in "
        + "\(numbers.segments.count) segments; read: \(read.segments) bytes of segments, "
        + "\(read.others) of manifest and tables")
    verdict.check(numbers.pages == UInt64(pages), "\(numbers.pages) pages found, \(pages) put")
    try store.engine.flush()
    store.close()
    return (seconds, read.segments, numbers.segments.count)
  }

  /// Headers at their places, footers and trailers; returns the number of pages.
  private func writeSegments(_ namespace: UInt32) throws -> Int {
    let folder = directory + "/segments"
    let scanner = SegmentScanner(files, directory: folder)
    let pagesPerExtent = min(Limits.extentPagesMax, Self.extentBytes / pageBytes)
    let payload = pagesPerExtent * pageBytes
    var dice = Dice(1)
    var pages = 0
    var bytes = 0
    var number: UInt64 = 0
    while bytes < gigabytes * 1_000_000_000 {
      number += 1
      let header = SegmentHeader(
        number: number, bootID: BootID(1, 1), createdMillis: 1, salt: dice.next())
      let path = SegmentFormat.path(folder, number)
      let file = try files.open(path, .create(direct: false))
      try file.write(header.encoded(), at: 0)
      var offset = UInt64(SegmentHeader.byteCount)
      while offset + UInt64(payload) + (2 << 20) < UInt64(Limits.segmentBytesMax) {
        var place = WindowPlace(firstAfter: .zero)
        var pending: [PendingPage] = []
        for index in 0..<pagesPerExtent {
          let id = PageID(dice.next(), dice.next(), dice.next(), dice.next())
          pages += 1
          pending.append(
            PendingPage(
              name: PageName(namespace: namespace, id: id), birth: UInt64(pages),
              rawBytes: UInt32(pageBytes), checksum: dice.next(), putMillis: 1, expirySeconds: 0,
              place: place, payloadOffset: index * pageBytes))
          place = place.next(after: id)
        }
        var extent = ExtentHeader.draft(
          .pages, entries: ExtentEntries.encode(pending), entryCount: pending.count,
          payloadBytes: payload)
        ExtentHeader.complete(
          &extent, position: LogPosition(segment: number, offset: offset),
          syncedUpTo: LogPosition(segment: number, offset: offset), salt: header.salt)
        try file.write(extent, at: offset)
        offset += UInt64(SegmentFormat.padded(extent.count) + SegmentFormat.padded(payload))
        bytes += payload
      }
      try file.truncate(to: offset)
      let listing = try SegmentListing(files, directory: folder, name: lastName(of: path))
      let scan = try scanner.scan(listing, check: .none)
      _ = try SegmentSealer.seal(files, listing, scan) { _ in "restart" }
    }
    return pages
  }
}

/// Passes everything on and counts what is read.
final class CountingFiles: FileSystem {
  struct Count {
    var segments: UInt64 = 0
    var others: UInt64 = 0
  }

  private let inner: any FileSystem
  private let count = Locked(Count())

  init(_ inner: any FileSystem) { self.inner = inner }

  var bytesRead: Count { count.withLock { $0 } }
  func reset() { count.withLock { $0 = Count() } }

  func read(_ bytes: Int, of path: String) {
    count.withLock {
      if path.hasSuffix(".vlog") {
        $0.segments += UInt64(bytes)
      } else {
        $0.others += UInt64(bytes)
      }
    }
  }

  var fellBackToBuffered: Bool { inner.fellBackToBuffered }
  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    CountingFile(try inner.open(path, mode), self)
  }
  func createDirectory(_ path: String) throws(FileError) { try inner.createDirectory(path) }
  func list(_ path: String) throws(FileError) -> [String] { try inner.list(path) }
  func exists(_ path: String) throws(FileError) -> Bool { try inner.exists(path) }
  func isDirectory(_ path: String) throws(FileError) -> Bool { try inner.isDirectory(path) }
  func remove(_ path: String) throws(FileError) { try inner.remove(path) }
  func rename(_ from: String, to: String) throws(FileError) { try inner.rename(from, to: to) }
  func syncDirectory(_ path: String) throws(FileError) { try inner.syncDirectory(path) }
  func size(_ path: String) throws(FileError) -> UInt64 { try inner.size(path) }
  func allocatedBytes(_ path: String) throws(FileError) -> UInt64 { try inner.allocatedBytes(path) }
  func freeBytes(_ path: String) throws(FileError) -> UInt64 { try inner.freeBytes(path) }
  func totalBytes(_ path: String) throws(FileError) -> UInt64 { try inner.totalBytes(path) }
  func lockFile(_ path: String) throws(FileError) -> any FileLock { try inner.lockFile(path) }
}

final class CountingFile: File {
  private let inner: any File
  private let system: CountingFiles

  init(_ inner: any File, _ system: CountingFiles) {
    self.inner = inner
    self.system = system
  }

  var path: String { inner.path }
  var isDirect: Bool { inner.isDirect }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    let got = try unsafe inner.read(into: buffer, at: offset)
    system.read(got, of: path)
    return got
  }

  func readVector(
    into buffers: [UnsafeMutableRawBufferPointer], at offset: UInt64
  ) throws(FileError) -> Int {
    let got = try unsafe inner.readVector(into: buffers, at: offset)
    system.read(got, of: path)
    return got
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    try unsafe inner.write(bytes, at: offset)
  }

  func writeVector(_ buffers: [UnsafeRawBufferPointer], at offset: UInt64) throws(FileError) {
    try unsafe inner.writeVector(buffers, at: offset)
  }

  func sync() throws(FileError) { try inner.sync() }
  func truncate(to byteCount: UInt64) throws(FileError) { try inner.truncate(to: byteCount) }
  func size() throws(FileError) -> UInt64 { try inner.size() }
  func allocatedBytes() throws(FileError) -> UInt64 { try inner.allocatedBytes() }
  func dropCache() { inner.dropCache() }
}
