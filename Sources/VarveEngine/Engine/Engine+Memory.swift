// What a call over many pages holds besides their bytes, taken from the one ledger while it lasts.

internal import VarveBase

extension Engine {
  /// Memory a page of one call takes, from above: its id, what is known of it, what is planned.
  enum HeldBytes {
    /// The ids, and the record of the page that a walk stands at.
    static let lookup = 2 * MemoryLayout<PageID>.stride
    /// And every page's record with its share of a window's path.
    static let get = lookup + MemoryLayout<PageRecord?>.stride + WindowPlace.digestBytes
    /// And length, checksum and outcome; the plan; the claim with what its table leaves free.
    static let put =
      get + 16 + MemoryLayout<PlannedPage>.stride + 4 * MemoryLayout<PageName>.stride
  }

  /// - Throws: `.requestMemoryExhausted`.
  func hold(
    pages: Int, bytesEach: Int
  ) throws(EngineError) -> MemoryReservation {
    guard let held = MemoryReservation(pages * bytesEach, for: .request, from: ledger) else {
      throw .requestMemoryExhausted(bytes: pages * bytesEach, limit: ledger.limitBytes)
    }
    return held
  }
}
