// A file system in memory of which one kind of call fails as long as it is told to.

@testable import VarveBase
@testable import VarveFile

final class FailingFiles: FileSystem {
  private let inner: MemoryFileSystem
  private let failing = Locked<String?>(nil)

  init(_ inner: MemoryFileSystem) { self.inner = inner }

  func fail(_ call: String?) { failing.withLock { $0 = call } }

  fileprivate func check(_ call: String, _ path: String) throws(FileError) {
    guard failing.withLock({ $0 }) == call else { return }
    throw .system(.write, path: path, errno: Errno.inputOutput, offset: nil)
  }

  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    if case .create = mode { try check("create", path) }
    return FailingFile(try inner.open(path, mode), self)
  }

  func rename(_ from: String, to: String) throws(FileError) {
    try check("rename", from)
    try inner.rename(from, to: to)
  }

  func syncDirectory(_ path: String) throws(FileError) {
    try check("syncDirectory", path)
    try inner.syncDirectory(path)
  }

  func createDirectory(_ path: String) throws(FileError) { try inner.createDirectory(path) }
  func list(_ path: String) throws(FileError) -> [String] { try inner.list(path) }
  func exists(_ path: String) throws(FileError) -> Bool { try inner.exists(path) }
  func isDirectory(_ path: String) throws(FileError) -> Bool { try inner.isDirectory(path) }
  func remove(_ path: String) throws(FileError) { try inner.remove(path) }
  func size(_ path: String) throws(FileError) -> UInt64 { try inner.size(path) }
  func allocatedBytes(_ path: String) throws(FileError) -> UInt64 {
    try inner.allocatedBytes(path)
  }
  func freeBytes(_ path: String) throws(FileError) -> UInt64 { try inner.freeBytes(path) }
  func totalBytes(_ path: String) throws(FileError) -> UInt64 { try inner.totalBytes(path) }
  func lockFile(_ path: String) throws(FileError) -> any FileLock { try inner.lockFile(path) }
  var fellBackToBuffered: Bool { inner.fellBackToBuffered }
}

private final class FailingFile: File {
  private let inner: any File
  private let files: FailingFiles

  init(_ inner: any File, _ files: FailingFiles) {
    self.inner = inner
    self.files = files
  }

  var path: String { inner.path }
  var isDirect: Bool { inner.isDirect }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    try unsafe inner.read(into: buffer, at: offset)
  }

  func readVector(
    into buffers: [UnsafeMutableRawBufferPointer], at offset: UInt64
  ) throws(FileError) -> Int {
    try unsafe inner.readVector(into: buffers, at: offset)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    try files.check("write", path)
    try unsafe inner.write(bytes, at: offset)
  }

  func writeVector(_ buffers: [UnsafeRawBufferPointer], at offset: UInt64) throws(FileError) {
    try files.check("write", path)
    try unsafe inner.writeVector(buffers, at: offset)
  }

  func sync() throws(FileError) {
    try files.check("sync", path)
    try inner.sync()
  }

  func truncate(to byteCount: UInt64) throws(FileError) { try inner.truncate(to: byteCount) }
  func size() throws(FileError) -> UInt64 { try inner.size() }
  func allocatedBytes() throws(FileError) -> UInt64 { try inner.allocatedBytes() }
  func dropCache() { inner.dropCache() }
}
