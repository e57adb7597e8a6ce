// Ids as evenly spread as the real ones, which are SHA-256: one hash a chain, then a generator.

import VarveBase

enum BenchChain {
  /// `count` ids that no other seed gives.
  static func ids(seed: UInt64, _ count: Int) -> [PageID] {
    var message: [UInt8] = []
    message.appendLE(seed)
    let root = PageID.sha256(message)
    var state = root.word0
    func next() -> UInt64 {
      // SplitMix64 (Steele, Lea, Flood 2014).
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return mixed ^ (mixed >> 31)
    }
    return (0..<count).map { _ in PageID(next(), next(), root.word2, root.word3) }
  }
}
