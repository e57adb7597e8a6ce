// Memory for direct I/O: aligned to 4 KiB, touched once when made. First touch costs several to a
// hundred copies (measured), so these buffers are pooled and live long.

internal import Glibc

/// A block of memory aligned to 4 KiB, zeroed and touched at creation.
///
/// A pointer got from it does not keep it: hold the buffer past the pointer's last use
/// (`withExtendedLifetime`), or the memory may be freed under a write.
///
/// One holder at a time writes; who that is, is the holder's business (a pool hands a buffer to one
/// taker). Not for small values: use arrays.
@safe package final class AlignedBuffer: @unchecked Sendable {
  // Sendable is sound because the address and length never change; the bytes have one writer at a
  // time by the hand-over rule above.
  package static let alignment = 4096

  package let base: UnsafeMutableRawPointer
  package let byteCount: Int

  package init(byteCount: Int) {
    precondition(byteCount > 0 && byteCount % Self.alignment == 0, "\(byteCount) is not aligned")
    var memory: UnsafeMutableRawPointer?
    let status = unsafe posix_memalign(&memory, Self.alignment, byteCount)
    guard status == 0, let memory = unsafe memory else {
      preconditionFailure("posix_memalign of \(byteCount) bytes gave \(status)")
    }
    unsafe memset(memory, 0, byteCount)
    unsafe base = memory
    self.byteCount = byteCount
  }

  deinit { unsafe free(base) }

  /// The bytes as they are now.
  package var bytes: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base, count: byteCount)
  }

  package var mutableBytes: UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
  }
}
