// The pages of one history: chains of ids, some of which share a prefix, and for each id bytes that
// can be made again from its number and version.

package import VarveBase

/// Bytes submitted under an id.
package struct PageBytes: Sendable {
  package let bytes: [UInt8]
  package let checksum: UInt64
}

package struct Pages: Sendable {
  package let chains: [[PageID]]
  /// Bytes of the longest page.
  private let bytesMax: Int

  /// - Parameters:
  ///   - chains: how many conversations.
  ///   - pagesMax: pages of the longest.
  package init(seed: UInt64, chains count: Int, pagesMax: Int, bytesMax: Int) {
    var dice = Dice(seed)
    self.bytesMax = bytesMax
    var made: [[PageID]] = []
    for _ in 0..<count {
      let length = 1 + dice.below(pagesMax)
      var ids: [PageID] = []
      // Half of the conversations branch from another.
      if let parent = made.randomElement(using: &dice), dice.oneIn(2) {
        ids = Array(parent.prefix(dice.below(parent.count + 1)))
      }
      while ids.count < length {
        let id = PageID(dice.next(), dice.next(), dice.next(), dice.next())
        ids.append(id)
      }
      made.append(ids)
    }
    chains = made
  }

  /// Versions of one id differ in every byte, and the third in its length.
  package func bytes(_ id: PageID, version: Int) -> PageBytes {
    var dice = Dice(id.word0 ^ (UInt64(version) &* 77))
    var length = Dice(id.word1 ^ (version == 2 ? 1 : 0))
    // Most pages are small; one in eight goes up to the limit.
    let most = length.oneIn(8) ? bytesMax : min(bytesMax, 3000)
    let count = 1 + length.below(most)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { bytes.appendLE(dice.next()) }
    bytes.removeLast(bytes.count - count)
    return PageBytes(bytes: bytes, checksum: XXH3.hash(bytes))
  }
}
