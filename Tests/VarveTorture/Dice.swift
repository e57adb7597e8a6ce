// The harnesses' only source of randomness: SplitMix64 from one seed.

internal import VarveBase

package struct Dice: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(_ seed: UInt64) { state = seed }

  /// A seed of its own for part `part` of what `seed` stands for.
  package static func mix(_ seed: UInt64, _ part: UInt64) -> UInt64 {
    var dice = Dice(seed ^ (part &* 0xD6E8_FEB8_6659_FD93))
    return dice.next()
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// True once in `count` times.
  package mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }
}
