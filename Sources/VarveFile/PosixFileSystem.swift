// The machine's file system. Directories 0700, files 0600.

internal import CLinux
internal import Glibc
internal import Synchronization

package final class PosixFileSystem: FileSystem {
  private let fallback = Atomic<Bool>(false)
  private let allowsDirect: Bool

  /// - Parameter allowsDirect: false makes every file buffered (tests of the fall-back).
  package init(allowsDirect: Bool = true) { self.allowsDirect = allowsDirect }

  // Relaxed: read for one log line.
  package var fellBackToBuffered: Bool { fallback.load(ordering: .relaxed) }

  package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    let flags: Int32
    let wantsDirect: Bool
    let operation: FileError.Operation
    switch mode {
    case .read(let direct): (flags, wantsDirect, operation) = (O_RDONLY, direct, .open)
    case .readWrite(let direct): (flags, wantsDirect, operation) = (O_RDWR, direct, .open)
    case .create(let direct):
      (flags, wantsDirect, operation) = (O_RDWR | O_CREAT | O_EXCL, direct, .create)
    }
    var descriptor: Int32 = -1
    if wantsDirect, allowsDirect {
      descriptor = try openDirect(operation, path, flags)
    }
    let isDirect = descriptor >= 0
    if wantsDirect, !isDirect { noteFallback() }
    if !isDirect {
      descriptor = try posix(operation, path) {
        unsafe varve_open(path, flags | O_CLOEXEC, 0o600)
      }
    }
    let file = PosixFile(
      path: path, descriptor: descriptor, isDirect: isDirect, startsWriteback: wantsDirect
    ) { [weak self] in self?.noteFallback() }
    if isDirect, mode == .read(direct: true) { try probe(file) }
    return file
  }

  /// −1 when the file system has no O_DIRECT.
  private func openDirect(
    _ operation: FileError.Operation, _ path: String, _ flags: Int32
  ) throws(FileError) -> Int32 {
    do throws(FileError) {
      return try posix(operation, path) {
        unsafe varve_open(path, flags | O_CLOEXEC | varve_o_direct(), 0o600)
      }
    } catch {
      guard error.errno == EINVAL else { throw error }
      // Some file systems create the file before they refuse the flag; it is ours and empty.
      if flags & O_EXCL != 0 { _ = unsafe unlink(path) }
      return -1
    }
  }

  /// Reads one block, so that a file system that refuses direct transfers is found out at open and
  /// not by a request. (A file being created is found out by its first write.)
  private func probe(_ file: PosixFile) throws(FileError) {
    try unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 4096) {
      (buffer) throws(FileError) in
      _ = try unsafe file.read(into: buffer, at: 0)
    }
  }

  private func noteFallback() { fallback.store(true, ordering: .relaxed) }

  package func createDirectory(_ path: String) throws(FileError) {
    do throws(FileError) {
      try posix(.createDirectory, path) { unsafe mkdir(path, 0o700) }
    } catch {
      guard error.errno == EEXIST, try isDirectory(path) else { throw error }
    }
  }

  package func list(_ path: String) throws(FileError) -> [String] {
    guard let directory = unsafe opendir(path) else {
      throw .system(.list, path: path, errno: Glibc.errno, offset: nil)
    }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while true {
      Glibc.errno = 0
      guard let entry = unsafe readdir(directory) else { break }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
        unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) {
          unsafe String(cString: $0)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    let code = Glibc.errno
    guard code == 0 else { throw .system(.list, path: path, errno: code, offset: nil) }
    return names.sorted()
  }

  package func exists(_ path: String) throws(FileError) -> Bool {
    do throws(FileError) {
      _ = try status(path)
      return true
    } catch {
      if error.isNotFound { return false }
      throw error
    }
  }

  package func isDirectory(_ path: String) throws(FileError) -> Bool {
    try status(path).st_mode & S_IFMT == S_IFDIR
  }

  package func remove(_ path: String) throws(FileError) {
    try posix(.remove, path) { unsafe Glibc.remove(path) }
  }

  package func rename(_ from: String, to: String) throws(FileError) {
    try posix(.rename, from) { unsafe Glibc.rename(from, to) }
  }

  package func syncDirectory(_ path: String) throws(FileError) {
    let descriptor = try posix(.syncDirectory, path) {
      unsafe varve_open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY, 0)
    }
    defer { close(descriptor) }
    try posix(.syncDirectory, path) { fsync(descriptor) }
  }

  package func size(_ path: String) throws(FileError) -> UInt64 {
    UInt64(try status(path).st_size)
  }

  package func allocatedBytes(_ path: String) throws(FileError) -> UInt64 {
    UInt64(try status(path).st_blocks) * 512
  }

  package func freeBytes(_ path: String) throws(FileError) -> UInt64 {
    let status = try fileSystemStatus(path)
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }

  package func totalBytes(_ path: String) throws(FileError) -> UInt64 {
    let status = try fileSystemStatus(path)
    return UInt64(status.f_blocks) * UInt64(status.f_frsize)
  }

  package func lockFile(_ path: String) throws(FileError) -> any FileLock {
    try PosixFileLock(path: path)
  }

  private func status(_ path: String) throws(FileError) -> stat {
    var result = stat()
    try posix(.status, path) { unsafe stat(path, &result) }
    return result
  }

  private func fileSystemStatus(_ path: String) throws(FileError) -> statvfs {
    var result = statvfs()
    try posix(.fileSystemStatus, path) { unsafe statvfs(path, &result) }
    return result
  }
}
