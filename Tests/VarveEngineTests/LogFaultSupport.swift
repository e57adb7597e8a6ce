// A file system whose calls can be made to fail or to wait, around the in-memory one.

import VarveBase
import VarveFile

/// Passes everything on, except what the test asked to fail.
final class StoreFaults: FileSystem {
  struct State {
    var failSync = false
    /// A sync that fails is the last thing that is written.
    var diesWithSync = false
    var failWrite: Int32?
    /// A failing write leaves its first half on the disk.
    var failsHalfway = false
    /// Syncs say yes and do nothing.
    var liesAboutSync = false
    /// Writes wait while this is true.
    var holdWrites = false
    var heldWrites = 0
    var syncCount = 0
    var readCount = 0
    /// Reads that begin at or behind this offset fail.
    var failReadsFrom: UInt64?
  }

  let inner: MemoryFileSystem
  let state = Monitor(State())

  init(_ inner: MemoryFileSystem) { self.inner = inner }

  var fellBackToBuffered: Bool { inner.fellBackToBuffered }

  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    StoreFaultFile(try inner.open(path, mode), self)
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

final class StoreFaultFile: File {
  private let inner: any File
  private let system: StoreFaults

  init(_ inner: any File, _ system: StoreFaults) {
    self.inner = inner
    self.system = system
  }

  var path: String { inner.path }
  var isDirect: Bool { inner.isDirect }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    try checkRead(offset, end: offset + UInt64(buffer.count))
    return try unsafe inner.read(into: buffer, at: offset)
  }

  func readVector(
    into buffers: [UnsafeMutableRawBufferPointer], at offset: UInt64
  ) throws(FileError) -> Int {
    unsafe try checkRead(offset, end: offset + UInt64(buffers.reduce(0) { $0 + $1.count }))
    return try unsafe inner.readVector(into: buffers, at: offset)
  }

  private func checkRead(_ offset: UInt64, end: UInt64) throws(FileError) {
    let fails = system.state.update { state in
      state.readCount += 1
      return state.failReadsFrom.map { end > $0 } ?? false
    }
    if fails { throw .system(.read, path: path, errno: Errno.inputOutput, offset: offset) }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    try unsafe writeVector([bytes], at: offset)
  }

  func writeVector(_ buffers: [UnsafeRawBufferPointer], at offset: UInt64) throws(FileError) {
    system.state.update { $0.heldWrites += 1 }
    let failure = system.state.wait { state -> Int32?? in
      if let failure = state.failWrite { return .some(failure) }
      return state.holdWrites ? nil : .some(nil)
    }
    system.state.update { $0.heldWrites -= 1 }
    if let failure, let failure {
      if system.state.peek({ $0.failsHalfway }), let first = unsafe buffers.first {
        let half = first.count / 8192 * 4096
        try unsafe inner.write(UnsafeRawBufferPointer(rebasing: first[0..<half]), at: offset)
      }
      throw .system(.write, path: path, errno: failure, offset: offset)
    }
    try unsafe inner.writeVector(buffers, at: offset)
  }

  func sync() throws(FileError) {
    let (fails, lies) = system.state.update { state in
      state.syncCount += 1
      if state.failSync, state.diesWithSync { state.failWrite = Errno.inputOutput }
      return (state.failSync, state.liesAboutSync)
    }
    if lies { return }
    if fails { throw .system(.sync, path: path, errno: Errno.inputOutput, offset: nil) }
    try inner.sync()
  }

  func truncate(to byteCount: UInt64) throws(FileError) { try inner.truncate(to: byteCount) }
  func size() throws(FileError) -> UInt64 { try inner.size() }
  func allocatedBytes() throws(FileError) -> UInt64 { try inner.allocatedBytes() }
  func dropCache() {}
}

/// Runs bodies on threads of their own and waits for all.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let threads = (0..<count).map { index in NamedThread("test-\(index)") { body(index) } }
  for thread in threads { thread.join() }
}
