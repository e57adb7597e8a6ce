// Memory for tables that are read at random: on huge pages, since a miss of the processor's
// translation cache costs as much as the miss of the line itself (measured, on a virtual machine: a
// probe of the fingerprint table 33 ns a page without, 19 with).

internal import CLinux

#if canImport(Glibc)
  internal import Glibc
#endif

/// First fit over a few large chunks. For few pieces that live long: taking one looks through all
/// free ranges. The owner says who may call it when, and accounts for what it takes.
@safe final class HugeHeap: @unchecked Sendable {
  // Sendable is sound: its one owner keeps it under a lock of its own.
  static let alignment = 64
  static let hugePageBytes = 2 << 20
  /// Chunks that follow the first are this part of what there is, within bounds.
  private static let growthPart = 8
  private static let chunkBytesMin = 64 << 10
  private static let chunkBytesMax = 16 << 20

  private struct Range {
    var start: UInt
    var byteCount: Int
    var end: UInt { start + UInt(byteCount) }
  }

  private var chunks: [Range] = []
  /// In order of their addresses; neighbours within a chunk are one.
  private var free: [Range] = []
  /// Of all chunks.
  private(set) var byteCount = 0

  /// - Parameter firstBytes: the first chunk: what is known to be needed.
  init(firstBytes: Int) { addChunk(firstBytes) }

  deinit {
    for chunk in chunks { unsafe Glibc.free(UnsafeMutableRawPointer(bitPattern: chunk.start)) }
  }

  private func addChunk(_ least: Int) {
    let isHuge = least >= Self.hugePageBytes
    let alignment = isHuge ? Self.hugePageBytes : 4096
    let bytes = (max(1, least) + alignment - 1) / alignment * alignment
    var memory: UnsafeMutableRawPointer?
    let status = unsafe posix_memalign(&memory, alignment, bytes)
    guard status == 0, let memory = unsafe memory else {
      preconditionFailure("posix_memalign of \(bytes) bytes gave \(status)")
    }
    // Without huge pages it only is slower.
    if isHuge { _ = unsafe varve_advise_huge(memory, bytes) }
    let range = Range(start: UInt(bitPattern: memory), byteCount: bytes)
    chunks.append(range)
    byteCount += bytes
    insert(range)
  }

  /// - Parameter bytes: a multiple of `alignment`.
  func take(_ bytes: Int) -> UnsafeMutableRawPointer {
    precondition(bytes > 0 && bytes % Self.alignment == 0, "\(bytes) bytes of a heap")
    while true {
      if let index = free.firstIndex(where: { $0.byteCount >= bytes }) {
        let start = free[index].start
        if free[index].byteCount == bytes {
          free.remove(at: index)
        } else {
          free[index] = Range(
            start: start + UInt(bytes), byteCount: free[index].byteCount - bytes)
        }
        guard let piece = unsafe UnsafeMutableRawPointer(bitPattern: start) else { continue }
        return unsafe piece
      }
      let usual = min(Self.chunkBytesMax, byteCount / Self.growthPart)
      addChunk(max(bytes, Self.chunkBytesMin, usual))
    }
  }

  /// - Parameter bytes: as it was taken.
  func giveBack(_ piece: UnsafeMutableRawPointer, _ bytes: Int) {
    let whole = insert(Range(start: UInt(bitPattern: piece), byteCount: bytes))
    guard chunks.count > 1,
      let chunk = chunks.firstIndex(where: {
        $0.start == free[whole].start && $0.byteCount == free[whole].byteCount
      })
    else { return }
    unsafe Glibc.free(UnsafeMutableRawPointer(bitPattern: chunks[chunk].start))
    byteCount -= chunks[chunk].byteCount
    chunks.remove(at: chunk)
    free.remove(at: whole)
  }

  /// Returns the index of the range that the new one is part of.
  @discardableResult
  private func insert(_ range: Range) -> Int {
    var low = 0
    var high = free.count
    while low < high {
      let middle = (low + high) / 2
      if free[middle].start < range.start { low = middle + 1 } else { high = middle }
    }
    precondition(low == free.count || range.end <= free[low].start, "given back twice")
    free.insert(range, at: low)
    join(low)
    return low > 0 && join(low - 1) ? low - 1 : low
  }

  /// Makes one of a free range and the next, if they touch within a chunk.
  @discardableResult
  private func join(_ index: Int) -> Bool {
    guard index + 1 < free.count, free[index].end == free[index + 1].start,
      !chunks.contains(where: { $0.start == free[index + 1].start })
    else { return false }
    free[index].byteCount += free[index + 1].byteCount
    free.remove(at: index + 1)
    return true
  }

  /// Bytes that nobody has.
  var freeBytes: Int { free.reduce(0) { $0 + $1.byteCount } }
}
