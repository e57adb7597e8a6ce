// What a history is made of, decided by its seed alone: the engine's answers change nothing of it,
// so that the same history can be run on two stores and the answers compared.

package struct PutOperation: Sendable {
  package enum Damage: Sendable {
    /// The bytes of this page of the run are not what its checksum says.
    case wrongBytes(Int)
    /// The client goes away after so many bytes.
    case cutOff(Int)
  }

  var space: Int
  var chain: Int
  var first: Int
  var count: Int
  var version: Int
  var durable: Bool
  var ttlSeconds: UInt64
  var ask: Bool
  var atRoot: Bool
  var damage: Damage?
}

package enum Operation: Sendable {
  case put(PutOperation)
  case get(space: Int, chain: Int, atRoot: Bool)
  case delete(space: Int, chain: Int, first: Int, count: Int)
  case clear(space: Int)
  case drop(space: Int)
  case flush
  case compact(indexOnly: Bool)
  case syncStep
  case indexStep
  /// The next of some shapes takes force.
  case tune
  case advance(millis: UInt64)
  case reopen
}

/// A seeded list of operations.
package struct History: Sendable {
  package let seed: UInt64
  package let pages: Pages
  package let operations: [Operation]

  package init(seed: UInt64, length: Int, pageBytesMax: Int) {
    self.seed = seed
    var dice = Dice(seed)
    let pagesExpire = dice.oneIn(3)
    let pages = Pages(
      seed: Dice.mix(seed, 1), chains: 4 + dice.below(6), pagesMax: 1 + dice.below(40),
      bytesMax: pageBytesMax)
    self.pages = pages
    operations = (0..<length).map { _ in Self.operation(&dice, pages, pagesExpire) }
  }

  private static func operation(_ dice: inout Dice, _ pages: Pages, _ pagesExpire: Bool)
    -> Operation
  {
    let space = dice.below(4) / 3
    let chain = dice.below(pages.chains.count)
    let length = pages.chains[chain].count
    switch dice.below(40) {
    case 0..<19: return .put(put(&dice, space, chain, length, pagesExpire))
    case 19..<22: return .get(space: space, chain: chain, atRoot: dice.oneIn(2))
    case 22..<25:
      let first = dice.below(length)
      return .delete(
        space: space, chain: chain, first: first, count: 1 + dice.below(length - first))
    case 25: return dice.oneIn(2) ? .clear(space: space) : .drop(space: space)
    case 26..<29: return .flush
    case 29..<31: return .compact(indexOnly: dice.oneIn(2))
    case 31..<34: return .syncStep
    case 34..<37: return .indexStep
    case 37..<39: return .advance(millis: UInt64(dice.below(3000)))
    default: return .reopen
    }
  }

  private static func put(
    _ dice: inout Dice, _ space: Int, _ chain: Int, _ length: Int, _ pagesExpire: Bool
  ) -> PutOperation {
    let first = dice.oneIn(3) ? dice.below(length) : 0
    let count = 1 + dice.below(length - first)
    var damage: PutOperation.Damage?
    if dice.oneIn(12) { damage = .wrongBytes(dice.below(count)) }
    if dice.oneIn(12) { damage = .cutOff(dice.below(4000)) }
    return PutOperation(
      space: space, chain: chain, first: first, count: count,
      version: dice.oneIn(6) ? 1 + dice.below(2) : 0, durable: dice.oneIn(2),
      ttlSeconds: pagesExpire && dice.oneIn(6) ? UInt64(1 + dice.below(8)) : 0, ask: dice.oneIn(3),
      atRoot: dice.oneIn(2), damage: damage)
  }
}
