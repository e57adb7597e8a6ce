// Arena memory that pages are received into, so that a page just put is hot without being copied.
// Given back, or adopted page by page once the extent has been written.

internal import VarveBase

/// Whole chunks, lent. One holder at a time, as the extent buffer that they lie under.
@safe final class StagedChunks: @unchecked Sendable {
  // Sendable is sound by the hand-over rule of `ExtentBuffer`; `arena` locks its own state.
  let pieces: [UnsafeMutableRawBufferPointer]
  private let arena: PageArena
  private let chunks: [Int32]
  private var isOver = false

  init(_ arena: PageArena, _ chunks: [Int32], pieces: [UnsafeMutableRawBufferPointer]) {
    self.arena = arena
    self.chunks = chunks
    unsafe self.pieces = unsafe pieces
  }

  deinit { if !isOver { arena.state.update { $0.unstage(chunks) } } }

  /// The pages, each at its offset within the memory, can be found from here on; what none of them
  /// lies in is given back. Once, and the memory is not written any more.
  func adopt(_ pages: [(offset: Int, location: Location)], of namespace: UInt32) {
    precondition(!isOver, "chunks are adopted once")
    isOver = true
    let chunkBytes = Limits.arenaChunkBytes
    arena.state.update { state in
      var next = 0
      for page in pages {
        let first = page.offset / chunkBytes
        let end = first + Int(page.location.storedBytes) / chunkBytes
        precondition(
          page.offset % chunkBytes == 0 && Int(page.location.storedBytes) % chunkBytes == 0
            && first >= next, "pages fill whole chunks, in order")
        state.unstage(chunks[next..<first])
        state.adopt(page.location, of: namespace, chunks[first..<end])
        next = end
      }
      state.unstage(chunks[next...])
    }
  }
}
