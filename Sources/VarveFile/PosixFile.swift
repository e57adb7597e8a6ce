// One file descriptor. Direct where the file system allows; a file system that takes O_DIRECT at
// open but refuses the first transfer (EINVAL) is switched to buffered once, for this file.

internal import CLinux
internal import Glibc
internal import Synchronization

final class PosixFile: File {
  /// Buffered writes start their write-back every so many bytes, so that a sync finds little left.
  private static let writebackBytes = 1 << 20
  private static let block = 4096
  /// IOV_MAX of Linux.
  private static let vectorCountMax = 1024

  let path: String
  private let descriptor: Int32
  private let direct: Atomic<Bool>
  private let noteFallback: @Sendable () -> Void
  private let startsWriteback: Bool

  init(
    path: String, descriptor: Int32, isDirect: Bool, startsWriteback: Bool,
    noteFallback: @escaping @Sendable () -> Void
  ) {
    self.path = path
    self.descriptor = descriptor
    self.startsWriteback = startsWriteback
    self.noteFallback = noteFallback
    direct = Atomic(isDirect)
  }

  deinit { close(descriptor) }

  // Relaxed: the flag only turns off, and the kernel's own flag decides about correctness.
  var isDirect: Bool { direct.load(ordering: .relaxed) }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    var done = 0
    while done < buffer.count {
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let position = offset + UInt64(done)
      let count = try transfer(.read, at: position) {
        unsafe pread(descriptor, rest.baseAddress, rest.count, off_t(position))
      }
      if count == 0 { break }
      done += count
      // A direct read that ends inside a block ended at the end of the file.
      if isDirect, count % Self.block != 0 { break }
    }
    return done
  }

  func readVector(
    into buffers: [UnsafeMutableRawBufferPointer], at offset: UInt64
  ) throws(FileError) -> Int {
    var done = 0
    var next = 0
    while unsafe next < buffers.count {
      let end = unsafe min(next + Self.vectorCountMax, buffers.count)
      let vector = unsafe buffers[next..<end].map {
        unsafe iovec(iov_base: $0.baseAddress, iov_len: $0.count)
      }
      let wanted = unsafe buffers[next..<end].reduce(0) { $0 + $1.count }
      let position = offset + UInt64(done)
      let count = try transfer(.read, at: position) {
        unsafe preadv(descriptor, vector, Int32(vector.count), off_t(position))
      }
      if count == wanted {
        done += count
        next = end
        continue
      }
      // Short: finish this group one buffer at a time; that tells the end of the file from a
      // transfer the kernel cut.
      let got = try unsafe readSingly(buffers[next..<end], at: position)
      done += got
      if got < wanted { break }
      next = end
    }
    return done
  }

  private func readSingly(
    _ buffers: ArraySlice<UnsafeMutableRawBufferPointer>, at offset: UInt64
  ) throws(FileError) -> Int {
    var done = 0
    for index in unsafe buffers.indices {
      let buffer = unsafe buffers[index]
      let got = try unsafe read(into: buffer, at: offset + UInt64(done))
      done += got
      if got < buffer.count { break }
    }
    return done
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    var done = 0
    while done < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
      let position = offset + UInt64(done)
      done += try transfer(.write, at: position) {
        unsafe pwrite(descriptor, rest.baseAddress, rest.count, off_t(position))
      }
    }
    startWriteback(at: offset, count: bytes.count)
  }

  func writeVector(_ buffers: [UnsafeRawBufferPointer], at offset: UInt64) throws(FileError) {
    var position = offset
    var next = 0
    while unsafe next < buffers.count {
      let end = unsafe min(next + Self.vectorCountMax, buffers.count)
      let vector = unsafe buffers[next..<end].map {
        unsafe iovec(
          iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
      }
      var count = try transfer(.write, at: position) {
        unsafe pwritev(descriptor, vector, Int32(vector.count), off_t(position))
      }
      // What the kernel did not take goes buffer by buffer.
      for index in next..<end {
        let buffer = unsafe buffers[index]
        if count < buffer.count {
          let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[count...])
          try unsafe write(rest, at: position + UInt64(count))
        }
        position += UInt64(buffer.count)
        count = max(0, count - buffer.count)
      }
      next = end
    }
    startWriteback(at: offset, count: Int(position - offset))
  }

  func sync() throws(FileError) {
    try posix(.sync, path) { fdatasync(descriptor) }
  }

  func truncate(to byteCount: UInt64) throws(FileError) {
    try posix(.truncate, path, offset: byteCount) { ftruncate(descriptor, off_t(byteCount)) }
  }

  func size() throws(FileError) -> UInt64 { UInt64(try status().st_size) }

  func allocatedBytes() throws(FileError) -> UInt64 { UInt64(try status().st_blocks) * 512 }

  func dropCache() { _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }

  private func status() throws(FileError) -> stat {
    var result = stat()
    try posix(.status, path) { unsafe fstat(descriptor, &result) }
    return result
  }

  /// A read or write; EINVAL on a direct descriptor means the file system cannot do it after all,
  /// EINVAL on a buffered one is a bug.
  private func transfer(
    _ operation: FileError.Operation, at offset: UInt64, _ call: () -> Int
  ) throws(FileError) -> Int {
    do throws(FileError) {
      return try posix(operation, path, offset: offset, call)
    } catch {
      guard error.errno == EINVAL else { throw error }
      precondition(isDirect, "\(operation.rawValue) \(path): EINVAL on a buffered file is a bug")
      let flags = try posix(operation, path) { fcntl(descriptor, F_GETFL) }
      try posix(operation, path) { fcntl(descriptor, F_SETFL, flags & ~varve_o_direct()) }
      direct.store(false, ordering: .relaxed)
      noteFallback()
      return try posix(operation, path, offset: offset, call)
    }
  }

  private func startWriteback(at offset: UInt64, count: Int) {
    guard startsWriteback, !isDirect, count >= Self.block else { return }
    // Only a hint: what fails here fails again at sync, where it is not overlooked.
    _ = varve_start_writeback(descriptor, Int64(offset), Int64(count))
  }
}
