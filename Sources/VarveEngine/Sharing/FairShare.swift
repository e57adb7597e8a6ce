// How much of something scarce one namespace may hold while others may come: dynamic thresholds
// (Choudhury and Hahne 1998), as the shared buffers of switches have them.

/// A claimant may hold so many times what is left for everybody. Alone it gets nearly all; of n
/// with the same weight each gets the same part, and a little stays free for whoever comes next.
enum FairShare {
  /// Alone 8 of 9, two 8 of 17 each, ten 8 of 81 each.
  static let factor = 8

  /// - Parameters:
  ///   - held: what the claimant holds.
  ///   - adding: what it asks for more.
  ///   - free: what nobody holds.
  static func admits(_ claimant: Claimant, held: Int, adding: Int, free: Int) -> Bool {
    guard adding <= free else { return false }
    // The first of a namespace is its due as long as there is any.
    return held == 0 || claimant.isEngine
      || held + adding <= factor * claimant.weight * (free - adding)
  }
}
