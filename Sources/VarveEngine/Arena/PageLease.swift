// A page in memory that stays where it is until its holder lets go.

internal import Synchronization
internal import VarveBase

/// A verified page, ready to be sent. The memory is valid until `release()` or deinit; taking
/// `pieces` does not keep it: hold the lease past their last use (`withExtendedLifetime`, or end
/// with `release()`).
@safe package final class PageLease: @unchecked Sendable {
  // Sendable is sound: `pieces` never changes, the bytes behind it are read-only while leased, and
  // letting go happens once (`isReleased`).
  enum Owner {
    case arena(PageArena, entry: Int)
    case oneOff(AlignedBuffer, MemoryLedger)
  }

  /// The page's bytes in order, for `writev`.
  package let pieces: [UnsafeRawBufferPointer]
  package let byteCount: Int
  private let owner: Owner
  private let isReleased = Atomic<Bool>(false)

  init(_ owner: Owner, pieces: [UnsafeRawBufferPointer], byteCount: Int) {
    self.owner = owner
    unsafe self.pieces = unsafe pieces
    self.byteCount = byteCount
  }

  deinit { release() }

  /// Lets go early; `pieces` must not be touched afterwards. More calls do nothing.
  package func release() {
    // Acquiring-releasing: what the holder read happened before the memory is used again.
    if isReleased.exchange(true, ordering: .acquiringAndReleasing) { return }
    switch owner {
    case .arena(let arena, let entry): arena.release(entry)
    case .oneOff(let buffer, let ledger): ledger.release(buffer.byteCount, for: .request)
    }
  }

  /// The page as an array: for tests and small pages, not for the data path.
  package func copy() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(byteCount)
    for index in unsafe pieces.indices { unsafe bytes.append(contentsOf: pieces[index]) }
    return bytes
  }
}
