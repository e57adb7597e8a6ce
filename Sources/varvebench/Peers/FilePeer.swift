// A file a page, as many caches lay their pages out: written whole and renamed, read whole. No
// server: the caller's processor time is all there is.

import Foundation
import VarveBase

final class FilePeer: PeerSide {
  let name = "files"
  let configuration =
    "a file a page, written and renamed, not synced; read through the page cache; in process"
  let isServed = false
  private let directory: String
  private let sets: PageSets
  private var filled: Set<Int> = []

  init(directory: String, sets: PageSets) throws {
    self.directory = directory
    self.sets = sets
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
  }

  func round(_ cell: Cell, seconds: Double) throws -> Sample {
    let pages = sets.of(cell.pageBytes)
    let directory = directory
    if cell.operation == .getHot, filled.insert(cell.pageBytes).inserted {
      let files = PageFiles(directory: directory, prefix: "get", pages: pages)
      for page in 0..<pages.count { try files.write(page) }
    }
    return try Round.run(connections: cell.connections, seconds: seconds, pid: nil) {
      FileLoad(
        files: PageFiles(
          directory: directory, prefix: cell.operation == .put ? "put" : "get", pages: pages),
        cell: cell, connection: $0)
    }
  }

  func end() {}
}

private struct FileLoad: Load {
  let files: PageFiles
  let cell: Cell
  let connection: Int
  private var next = 0

  init(files: PageFiles, cell: Cell, connection: Int) {
    self.files = files
    self.cell = cell
    self.connection = connection
  }

  mutating func call() throws -> Work? {
    let stretch = files.pageCount / cell.connections / cell.pages
    let batch = (connection * stretch + next % max(1, stretch)) * cell.pages % files.pageCount
    next += 1
    for page in batch..<batch + cell.pages {
      if cell.operation == .put { try files.write(page) } else { try files.read(page) }
    }
    return Work(calls: 1, bytes: cell.callBytes, pages: cell.pages)
  }
}

/// For one thread. Unsafe: addresses; no pointer outlives its call.
private final class PageFiles {
  private let directory: String
  private let prefix: String
  private let pages: BenchPages
  private let memory: AlignedBuffer

  var pageCount: Int { pages.count }

  init(directory: String, prefix: String, pages: BenchPages) {
    self.directory = directory
    self.prefix = prefix
    self.pages = pages
    memory = AlignedBuffer(byteCount: (pages.pageBytes + 4095) / 4096 * 4096)
  }

  private func path(_ page: Int) -> String { "\(directory)/\(prefix)-\(pages.pageBytes)-\(page)" }

  func write(_ page: Int) throws {
    let bytes = unsafe pages.bytes(page..<page + 1)
    guard unsafe XXH3.hash(bytes) == pages.checksums[page] else {
      throw Failure("page \(page) has changed in our own memory")
    }
    let path = path(page)
    try unsafe with(path + ".new", "w") { file in
      unsafe fwrite(bytes.baseAddress, 1, bytes.count, file) == bytes.count
    }
    guard unsafe rename(path + ".new", path) == 0 else { throw Failure("\(path): errno \(errno)") }
  }

  func read(_ page: Int) throws {
    let bytes = unsafe memory.mutableBytes
    try unsafe with(path(page), "r") { file in
      unsafe fread(bytes.baseAddress, 1, pages.pageBytes, file) == pages.pageBytes
    }
    let found = unsafe XXH3.hash(UnsafeRawBufferPointer(rebasing: bytes[..<pages.pageBytes]))
    guard found == pages.checksums[page] else {
      throw Failure("file of page \(page) has other bytes than were written")
    }
  }

  /// Unbuffered: a page goes between its memory and the kernel.
  private func with(
    _ path: String, _ mode: String, _ body: (UnsafeMutablePointer<FILE>) -> Bool
  ) throws {
    guard let file = unsafe fopen(path, mode) else { throw Failure("\(path): errno \(errno)") }
    unsafe setvbuf(file, nil, _IONBF, 0)
    let isDone = unsafe body(file)
    guard unsafe fclose(file) == 0, isDone else { throw Failure("\(path): errno \(errno)") }
  }
}
