// A file read and written past the page cache, where the file system allows that.

import CLinux
import Glibc
import VarveBase

/// Owns one descriptor; offsets, lengths and memory are multiples of 4 KiB.
final class RawFile: Sendable {
  let isDirect: Bool
  private let descriptor: Int32

  /// Creates it, or empties what is there.
  init(path: String) throws {
    let flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC
    let direct = unsafe varve_open(path, flags | varve_o_direct(), 0o600)
    isDirect = direct >= 0
    descriptor = unsafe isDirect ? direct : varve_open(path, flags, 0o600)
    guard descriptor >= 0 else { throw Failure("\(path): errno \(errno)") }
  }

  deinit { close(descriptor) }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = unsafe pwrite(
        descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, offset + done)
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = unsafe pread(
        descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, offset + done)
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  func empty() -> Bool { ftruncate(descriptor, 0) == 0 }

  /// What a buffered file left in the page cache must not make a cold read warm.
  func sync() -> Bool {
    fdatasync(descriptor) == 0 && posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0
  }
}
