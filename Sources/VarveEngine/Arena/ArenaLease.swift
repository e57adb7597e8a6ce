// The pages of one batch in memory that stays where it is until their holder lets go.

internal import VarveBase

/// What became of each page of a batch, and the bytes of those that are there, verified. One object
/// for the whole batch: however many pages it has, it is made and let go with one look at the arena
/// each.
@safe final class ArenaLease: @unchecked Sendable {
  // Sendable is sound: everything is set once, and the bytes behind `pieces` are only read while
  // the object lives, which keeps their entries leased and their buffers.
  enum Page {
    /// Where the bytes are, in order: a range of the batch's pieces.
    case here(Range<Int>)
    case failed(PageReadError)
  }

  /// One for each location, in the order asked.
  let pages: [Page]
  /// The bytes of all pages that are here, in their order. Valid while the object lives.
  let pieces: [UnsafeRawBufferPointer]
  private let arena: PageArena
  private let entries: [Int]
  /// Memory of pages that the arena had no room for.
  private let buffers: [AlignedBuffer]

  var hasFailures: Bool {
    pages.contains { if case .failed = $0 { true } else { false } }
  }

  init(
    _ arena: PageArena, pages: [Page], pieces: [UnsafeRawBufferPointer], entries: [Int],
    buffers: [AlignedBuffer]
  ) {
    self.arena = arena
    self.pages = pages
    unsafe self.pieces = unsafe pieces
    self.entries = entries
    self.buffers = buffers
  }

  deinit {
    arena.release(entries)
    arena.release(buffers)
  }
}
