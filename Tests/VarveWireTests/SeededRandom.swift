// Random numbers that can be had again: the seed is printed, and VARVE_SEED replays it.

import Foundation

struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64
  let seed: UInt64

  /// A seed from VARVE_SEED, else from the system; printed with the test's name.
  init(_ test: String) {
    let given = ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap { UInt64($0) }
    seed = given ?? UInt64.random(in: 0...UInt64.max)
    state = seed
    print("\(test): VARVE_SEED=\(seed)")
  }

  /// SplitMix64 (Steele, Lea, Flood 2014): every seed is good.
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// `bytes` with a few bits flipped, bytes set, cut, doubled or inserted.
  mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
    var result = bytes
    for _ in 0...below(4) {
      guard !result.isEmpty else { return [UInt8(truncatingIfNeeded: next())] }
      let index = below(result.count)
      switch below(6) {
      case 0: result[index] ^= 1 << UInt8(below(8))
      case 1: result[index] = UInt8(truncatingIfNeeded: next())
      case 2: result[index] = [0, 1, 0x7f, 0x80, 0xff][below(5)]
      case 3: result.removeSubrange(index..<min(result.count, index + 1 + below(8)))
      case 4: result.insert(contentsOf: result[index...].prefix(below(40)), at: index)
      default: result.insert(UInt8(truncatingIfNeeded: next()), at: index)
      }
    }
    return result
  }
}
