// A large stretch of anonymous memory, mapped once. Touching it for the first time costs several to
// a hundred copies (measured), so it is touched before requests need it.

internal import CLinux
internal import Glibc

/// Memory from the kernel, zeroed, aligned to 2 MiB pages where the kernel gives huge ones.
@safe package final class MappedRegion: @unchecked Sendable {
  // Sendable is sound because address and length never change; who may write which part is the
  // owner's business.
  package let base: UnsafeMutableRawPointer
  package let byteCount: Int

  /// nil when the kernel has no such address space or memory to give.
  package init?(byteCount: Int) {
    precondition(byteCount > 0 && byteCount % 4096 == 0, "\(byteCount) is not whole pages")
    let mapped = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else { return nil }
    unsafe base = mapped
    self.byteCount = byteCount
    // A hint: kernels without huge pages say no, and nothing changes.
    _ = unsafe varve_advise_huge(base, byteCount)
  }

  deinit { unsafe munmap(base, byteCount) }

  /// Makes the kernel provide the pages of a range now.
  package func touch(offset: Int, count: Int) {
    precondition(offset >= 0 && count >= 0 && offset + count <= byteCount, "outside the region")
    for page in stride(from: offset, to: offset + count, by: 4096) {
      unsafe base.storeBytes(of: 0, toByteOffset: page, as: UInt8.self)
    }
  }

  package func bytes(offset: Int, count: Int) -> UnsafeMutableRawBufferPointer {
    precondition(offset >= 0 && count >= 0 && offset + count <= byteCount, "outside the region")
    return unsafe UnsafeMutableRawBufferPointer(start: base + offset, count: count)
  }
}
