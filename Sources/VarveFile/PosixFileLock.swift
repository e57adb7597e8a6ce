// The LOCK file of a data directory: an open-file-description lock, which ends with the process
// however it ends, and the holder's pid as text for whoever finds it held.

internal import CLinux
internal import Glibc

final class PosixFileLock: FileLock {
  let path: String
  private let descriptor: Int32

  init(path: String) throws(FileError) {
    self.path = path
    descriptor = try posix(.lock, path) {
      unsafe varve_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    }
    do throws(FileError) {
      try posix(.lock, path) { varve_lock_file(descriptor) }
      try writeHolder()
    } catch {
      let holder = readHolder()
      close(descriptor)
      let isHeld = error.errno == EAGAIN || error.errno == EACCES
      throw isHeld ? .locked(path: path, holder: holder) : error
    }
  }

  deinit { close(descriptor) }

  private func writeHolder() throws(FileError) {
    try posix(.lock, path) { ftruncate(descriptor, 0) }
    let text = Array("pid \(getpid())\n".utf8)
    do throws(FileError) {
      _ = try posix(.lock, path) { unsafe pwrite(descriptor, text, text.count, 0) }
    } catch {
      // The lock is held all the same: on a full disk it just does not say by whom.
      guard error.isNoSpace else { throw error }
    }
  }

  private func readHolder() -> String {
    var text = [UInt8](repeating: 0, count: 64)
    let count = unsafe pread(descriptor, &text, 64, 0)
    guard count > 0 else { return "a process that left no name" }
    let line = text[0..<count].prefix { $0 != UInt8(ascii: "\n") }
    return String(decoding: line, as: UTF8.self)
  }
}
