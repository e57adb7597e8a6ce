// The small stores whose bits are turned over, at rest in memory.

import VarveBase
import VarveEngine
import VarveFile

/// A stretch of a file, and how many pages live by it alone.
struct FlipPiece {
  let path: String
  let bytes: Range<Int>
  var pagesDamaged = 0
}

/// One kind of metadata.
struct FlipTarget {
  let kind: String
  var pieces: [FlipPiece]
  /// CURRENT is lost as well, so that the segments are read.
  var losesCurrent = false
}

struct FlipImage {
  let files: MemoryFileSystem
  let namespace: UInt32
  let pages: [FaultPage]
  var deleted: [FaultPage] = []
  var cleared: [FaultPage] = []
  var clearedNamespace: UInt32 = 0

  private static let segments = FlipRun.directory + "/segments"

  private static func open(_ files: MemoryFileSystem) throws -> FaultStore {
    try FaultStore(FaultStore.configuration(FlipRun.directory), files: files)
  }

  /// Four sealed segments, two tables, a cleared namespace, deletes.
  static func sealed() throws -> FlipImage {
    let files = MemoryFileSystem()
    let cleared = FaultPage.chain(90, 4) { _ in 300 }
    var pages: [FaultPage] = []
    var deleted: [FaultPage] = []
    var namespace: UInt32 = 0
    var clearedNamespace: UInt32 = 0
    for round in 0..<4 {
      let store = try open(files)
      namespace = try store.namespace("flip")
      if round == 0 {
        clearedNamespace = try store.namespace("cleared")
        try store.put(cleared, clearedNamespace)
        _ = try store.engine.clearNamespace(name: "cleared")
      }
      let more = FaultPage.chain(UInt32(round), 10) { 200 + 131 * $0 }
      try store.put(more, namespace)
      pages += more.dropLast(2)
      deleted += more.suffix(2)
      _ = try store.engine.delete(
        ChainSlice(namespace: namespace, ids: more.map(\.id), first: 8, count: 2, atRoot: true))
      // The deletes too: one that no table knows is lost with its whole segment.
      if round == 1 || round == 3 { try store.engine.flush() }
      store.close()
    }
    // Once more: the last segment is sealed by a start.
    try open(files).close()
    return FlipImage(
      files: files.crashClone(.all), namespace: namespace, pages: pages, deleted: deleted,
      cleared: cleared, clearedNamespace: clearedNamespace)
  }

  /// One segment without a footer, nothing in tables; of every fourth chain the last page is
  /// deleted.
  static func tail() throws -> FlipImage {
    let files = MemoryFileSystem()
    let store = try open(files)
    let namespace = try store.namespace("flip")
    var pages: [FaultPage] = []
    var deleted: [FaultPage] = []
    for seed in 0..<24 {
      var more = FaultPage.chain(UInt32(seed), 3) { 100 + 700 * $0 }
      try store.put(more, namespace)
      if seed % 4 == 0 {
        let gone = ChainSlice(namespace: namespace, ids: more.map(\.id), first: 2, count: 1)
        _ = try store.engine.delete(gone)
        deleted.append(more.removeLast())
      }
      pages += more
    }
    let clone = files.crashClone(.all)
    store.close()
    return FlipImage(files: clone, namespace: namespace, pages: pages, deleted: deleted)
  }

  /// Sealed segments of two thousand pages.
  static func payloads() throws -> FlipImage {
    let files = MemoryFileSystem()
    let store = try open(files)
    let namespace = try store.namespace("flip")
    let pages = FaultPage.chain(1, 2048) { 1 + $0 * 37 % 4000 }
    for start in stride(from: 0, to: pages.count, by: 256) {
      try store.put(Array(pages[start..<start + 256]), namespace)
    }
    try store.engine.flush()
    store.close()
    try open(files).close()
    return FlipImage(files: files.crashClone(.all), namespace: namespace, pages: pages)
  }

  // MARK: - Where what lies

  func metadata() throws -> [FlipTarget] {
    let directory = FlipRun.directory
    var targets = ["CURRENT", "NAMESPACES", "MANIFEST", "tables"].map {
      FlipTarget(kind: $0, pieces: [])
    }
    func whole(_ path: String) throws -> FlipPiece {
      FlipPiece(path: path, bytes: 0..<Int(try files.size(path)))
    }
    for name in try files.list(directory) {
      for index in 0..<3 where name.hasPrefix(targets[index].kind) {
        targets[index].pieces.append(try whole(directory + "/" + name))
      }
    }
    for name in try files.list(directory + "/tables") {
      targets[3].pieces.append(try whole(directory + "/tables/" + name))
    }
    var headers = FlipTarget(kind: "segment headers", pieces: [])
    var footers = FlipTarget(kind: "footers, CURRENT lost", pieces: [], losesCurrent: true)
    var trailers = FlipTarget(kind: "trailers", pieces: [])
    var extents = FlipTarget(kind: "extent headers, sealed", pieces: [])
    let scanner = SegmentScanner(files, directory: Self.segments)
    for listing in try SegmentListing.list(files, directory: Self.segments) {
      guard case .sealed(_, let trailer) = listing.state else {
        preconditionFailure("\(listing.path) is not sealed")
      }
      let footer = Int(trailer.footerOffset)
      headers.pieces.append(FlipPiece(path: listing.path, bytes: 0..<64))
      footers.pieces.append(
        FlipPiece(path: listing.path, bytes: footer..<footer + Int(trailer.footerBytes)))
      let last = Int(listing.fileBytes) - SegmentTrailer.byteCount
      trailers.pieces.append(FlipPiece(path: listing.path, bytes: last..<last + 80))
      for extent in try scanner.scan(listing).extents {
        let start = Int(extent.position.offset)
        extents.pieces.append(
          FlipPiece(path: listing.path, bytes: start..<start + extent.headerUsed.count))
      }
    }
    return targets + [headers, footers, trailers, extents]
  }

  /// Headers that nothing repeats yet.
  func tailHeaders() throws -> [FlipTarget] {
    var header = FlipTarget(kind: "segment headers, unsealed", pieces: [])
    var target = FlipTarget(kind: "extent headers, unsealed", pieces: [])
    let scanner = SegmentScanner(files, directory: Self.segments)
    for listing in try SegmentListing.list(files, directory: Self.segments) {
      header.pieces.append(FlipPiece(path: listing.path, bytes: 0..<SegmentHeader.byteCount))
      for extent in try scanner.scan(listing).extents {
        let start = Int(extent.position.offset)
        target.pieces.append(
          FlipPiece(
            path: listing.path, bytes: start..<start + extent.headerUsed.count,
            pagesDamaged: extent.pages.count { page in
              pages.contains { $0.id == page.name.id }
            }))
      }
    }
    return [header, target]
  }

  /// Where each page's bytes lie.
  func places() throws -> [PageID: (path: String, offset: Int)] {
    var places: [PageID: (path: String, offset: Int)] = [:]
    let scanner = SegmentScanner(files, directory: Self.segments)
    for listing in try SegmentListing.list(files, directory: Self.segments) {
      for page in try scanner.scan(listing).extents.flatMap(\.pages) {
        places[page.name.id] = (listing.path, Int(page.location.offset))
      }
    }
    return places
  }
}
