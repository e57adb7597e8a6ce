// The one door to the disk. Engine code reaches files through these protocols alone, so that tests
// can put memory, a crash or a fault in the disk's place.

/// How a file is opened. `direct` asks for O_DIRECT where the file system has it: buffers, offsets
/// and lengths are then multiples of 4 KiB (`File.isDirect` tells what was got).
package enum OpenMode: Equatable, Sendable {
  /// Reading; the file must exist.
  case read(direct: Bool)
  /// Reading and writing a file that must not exist yet.
  case create(direct: Bool)
  /// Reading and writing a file that must exist.
  case readWrite(direct: Bool)
}

/// Directories, names and whole-disk questions. Paths are UTF-8, `/` between parts.
package protocol FileSystem: Sendable {
  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File
  /// Mode 0700. A directory that is there already is fine; its parent must exist.
  func createDirectory(_ path: String) throws(FileError)
  /// Names (not paths) in a directory, sorted, without `.` and `..`.
  func list(_ path: String) throws(FileError) -> [String]
  func exists(_ path: String) throws(FileError) -> Bool
  func isDirectory(_ path: String) throws(FileError) -> Bool
  /// Removes a file, or an empty directory. Durable only after `syncDirectory` of its parent.
  func remove(_ path: String) throws(FileError)
  /// Replaces `to` if it is there. Durable only after `syncDirectory` of the parent.
  func rename(_ from: String, to: String) throws(FileError)
  func syncDirectory(_ path: String) throws(FileError)
  func size(_ path: String) throws(FileError) -> UInt64
  /// Bytes of the blocks the file occupies.
  func allocatedBytes(_ path: String) throws(FileError) -> UInt64
  /// Bytes free to us on the file system that holds `path`.
  func freeBytes(_ path: String) throws(FileError) -> UInt64
  /// Bytes of the whole file system that holds `path`.
  func totalBytes(_ path: String) throws(FileError) -> UInt64
  /// Takes the lock file at `path`, creating it; held until the value is released or the process
  /// ends, however it ends. Held by someone else: `FileError.locked`.
  func lockFile(_ path: String) throws(FileError) -> any FileLock
  /// Some file asked for direct I/O and the file system refused: worth one log line.
  var fellBackToBuffered: Bool { get }
}

/// An open file, closed with its last reference. All calls may come from several threads at once.
package protocol File: AnyObject, Sendable {
  var path: String { get }
  /// O_DIRECT is in force.
  var isDirect: Bool { get }
  /// Reads until the buffer is full or the file ends; returns the bytes read.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  /// Reads one contiguous range into several buffers, in order; returns the bytes read.
  func readVector(
    into buffers: [UnsafeMutableRawBufferPointer], at offset: UInt64
  ) throws(FileError) -> Int
  /// Writes all of the bytes.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError)
  /// Writes all of the buffers, one behind the other.
  func writeVector(_ buffers: [UnsafeRawBufferPointer], at offset: UInt64) throws(FileError)
  /// fdatasync: what was written before the call survives a crash of the machine after it. A
  /// failure is final: never call it again in the hope that it succeeds.
  func sync() throws(FileError)
  /// For tables and manifests; segments are never truncated.
  func truncate(to byteCount: UInt64) throws(FileError)
  func size() throws(FileError) -> UInt64
  func allocatedBytes() throws(FileError) -> UInt64
  /// A hint that the page cache need not keep this file.
  func dropCache()
}

/// Proof that the lock is held; let go with its last reference.
package protocol FileLock: AnyObject, Sendable {
  var path: String { get }
}
