// A place in bytes that lie in several pieces of memory.

/// How far bytes that lie in several pieces have been taken.
struct PieceCursor {
  private(set) var taken = 0
  private var piece = 0
  private var offset = 0

  /// Appends the next `count` bytes of `pieces` and moves past them.
  mutating func take(
    _ count: Int, of pieces: ArraySlice<UnsafeRawBufferPointer>, into gather: inout Gather
  ) {
    taken += count
    var rest = count
    while rest > 0 {
      let memory = unsafe pieces[pieces.startIndex + piece]
      let size = min(rest, memory.count - offset)
      unsafe gather.append(memory: UnsafeRawBufferPointer(rebasing: memory[offset..<offset + size]))
      rest -= size
      offset += size
      if offset == memory.count { (piece, offset) = (piece + 1, 0) }
    }
  }
}
