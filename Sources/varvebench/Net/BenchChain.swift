// Ids as evenly spread as the real ones, which are SHA-256: one hash a chain, then a generator.

import VarveBase

enum BenchChain {
  /// `count` ids that no other seed gives.
  static func ids(seed: UInt64, _ count: Int) -> [PageID] {
    var message: [UInt8] = []
    message.appendLE(seed)
    let root = PageID.sha256(message)
    var random = SplitMix(seed: root.word0)
    return (0..<count).map { _ in PageID(random.next(), random.next(), root.word2, root.word3) }
  }
}
