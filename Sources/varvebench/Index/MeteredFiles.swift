// A file system that passes everything on and counts the bytes, by the kind of file they belong to.

import VarveBase
import VarveFile

final class MeteredFiles: FileSystem {
  struct Count {
    var read = 0
    var written = 0
  }

  private struct State {
    var segments = Count()
    var tables = Count()
    var others = Count()
  }

  private let inner: any FileSystem
  private let state = Locked(State())

  init(_ inner: any FileSystem) { self.inner = inner }

  var segments: Count { state.withLock { $0.segments } }
  var tables: Count { state.withLock { $0.tables } }
  var others: Count { state.withLock { $0.others } }

  func reset() { state.withLock { $0 = State() } }

  func count(_ path: String, read: Int = 0, written: Int = 0) {
    state.withLock { state in
      func add(_ count: inout Count) {
        count.read += read
        count.written += written
      }
      if path.hasSuffix(".vlog") {
        add(&state.segments)
      } else if path.hasSuffix(".sst") {
        add(&state.tables)
      } else {
        add(&state.others)
      }
    }
  }

  var fellBackToBuffered: Bool { inner.fellBackToBuffered }
  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    MeteredFile(try inner.open(path, mode), self)
  }
  func createDirectory(_ path: String) throws(FileError) { try inner.createDirectory(path) }
  func list(_ path: String) throws(FileError) -> [String] { try inner.list(path) }
  func exists(_ path: String) throws(FileError) -> Bool { try inner.exists(path) }
  func isDirectory(_ path: String) throws(FileError) -> Bool { try inner.isDirectory(path) }
  func remove(_ path: String) throws(FileError) { try inner.remove(path) }
  func rename(_ from: String, to: String) throws(FileError) { try inner.rename(from, to: to) }
  func syncDirectory(_ path: String) throws(FileError) { try inner.syncDirectory(path) }
  func size(_ path: String) throws(FileError) -> UInt64 { try inner.size(path) }
  func allocatedBytes(_ path: String) throws(FileError) -> UInt64 {
    try inner.allocatedBytes(path)
  }
  func freeBytes(_ path: String) throws(FileError) -> UInt64 { try inner.freeBytes(path) }
  func totalBytes(_ path: String) throws(FileError) -> UInt64 { try inner.totalBytes(path) }
  func lockFile(_ path: String) throws(FileError) -> any FileLock { try inner.lockFile(path) }
}

private final class MeteredFile: File {
  private let inner: any File
  private let system: MeteredFiles

  init(_ inner: any File, _ system: MeteredFiles) {
    self.inner = inner
    self.system = system
  }

  var path: String { inner.path }
  var isDirect: Bool { inner.isDirect }

  func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
  ) throws(FileError) -> Int {
    let got = try unsafe inner.read(into: buffer, at: offset)
    system.count(path, read: got)
    return got
  }

  func readVector(
    into buffers: [UnsafeMutableRawBufferPointer], at offset: UInt64
  ) throws(FileError) -> Int {
    let got = try unsafe inner.readVector(into: buffers, at: offset)
    system.count(path, read: got)
    return got
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    try unsafe inner.write(bytes, at: offset)
    system.count(path, written: bytes.count)
  }

  func writeVector(_ buffers: [UnsafeRawBufferPointer], at offset: UInt64) throws(FileError) {
    try unsafe inner.writeVector(buffers, at: offset)
    system.count(path, written: unsafe buffers.reduce(0) { $0 + $1.count })
  }

  func sync() throws(FileError) { try inner.sync() }
  func truncate(to byteCount: UInt64) throws(FileError) { try inner.truncate(to: byteCount) }
  func size() throws(FileError) -> UInt64 { try inner.size() }
  func allocatedBytes() throws(FileError) -> UInt64 { try inner.allocatedBytes() }
  func dropCache() { inner.dropCache() }
}
