// What share of the calls gets, puts and looks up.

/// Shares in percent; they are 100 together.
struct Mix: Hashable, Sendable {
  let get: Int
  let put: Int
  let lookup: Int

  init?(get: Int, put: Int, lookup: Int) {
    guard min(get, put, lookup) >= 0, get + put + lookup == 100 else { return nil }
    (self.get, self.put, self.lookup) = (get, put, lookup)
  }

  /// `get=70,put=10,lookup=20`, in any order; what is not named is 0.
  init?(_ text: String) {
    var shares: [String: Int] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let words = part.split(separator: "=", omittingEmptySubsequences: false)
      guard words.count == 2, let share = Int(words[1]),
        ["get", "put", "lookup"].contains(words[0]),
        shares.updateValue(share, forKey: String(words[0])) == nil
      else { return nil }
    }
    self.init(
      get: shares["get"] ?? 0, put: shares["put"] ?? 0, lookup: shares["lookup"] ?? 0)
  }

  var name: String { "g\(get)p\(put)l\(lookup)" }

  /// A hundred calls in an order that the seed gives: every hundred has the shares exactly.
  func order(seed: UInt64) -> [Cell.Operation] {
    var calls =
      [Cell.Operation](repeating: .getHot, count: get)
      + [Cell.Operation](repeating: .put, count: put)
      + [Cell.Operation](repeating: .lookup, count: lookup)
    var random = SplitMix(seed: seed)
    // Fisher and Yates.
    for index in stride(from: calls.count - 1, to: 0, by: -1) {
      calls.swapAt(index, Int(random.next() % UInt64(index + 1)))
    }
    return calls
  }
}
