// What an imagined crash of the machine leaves of what was not synced: eight models, and the dice
// that play them.

/// How unsynced blocks (4 KiB) and directory entries fare.
package enum CrashSurvival: Hashable, Sendable {
  case none
  case all
  /// Each block and each directory change survives with this chance; a survivor may be torn.
  case random(seed: UInt64, percent: Int)
  /// Changes survive up to some moment, in the order they were made; none behind it does. (Of a
  /// block written twice with the moment in between, neither.)
  case prefix(seed: UInt64)
  /// Directory entries and file lengths survive, no block does: a journal without its data.
  case metadata
  /// All survives but the end of the last write, which breaks off at a multiple of 512 bytes.
  case tornLast(seed: UInt64)

  /// The eight models; `seed` plays the dice of those that have some.
  package static func models(seed: UInt64) -> [CrashSurvival] {
    [
      .none, .all, .random(seed: seed, percent: 10), .random(seed: seed, percent: 50),
      .random(seed: seed, percent: 90), .prefix(seed: seed), .metadata, .tornLast(seed: seed),
    ]
  }

  /// The model's name, without its seed.
  package var name: String {
    switch self {
    case .none: "none"
    case .all: "all"
    case .random(_, let percent): "\(percent) %"
    case .prefix: "prefix only"
    case .metadata: "metadata only"
    case .tornLast: "last write torn"
    }
  }
}

/// Reproducible dice (SplitMix64) for one crash.
struct CrashDice {
  static let sectorBytes = 512
  static let sectorsPerBlock = 8

  enum Change {
    case entry, block
  }

  private let survival: CrashSurvival
  private var state: UInt64
  /// `prefix`: changes with a stamp up to this survive.
  private var lastStamp: UInt64 = 0
  /// `tornLast`: bytes of the last write that survive.
  private var lastKept = 0

  /// - Parameters:
  ///   - unsynced: stamps of the oldest and the newest change that is not synced.
  ///   - lastBytes: length of the last write.
  init(_ survival: CrashSurvival, unsynced: ClosedRange<UInt64>?, lastBytes: Int) {
    self.survival = survival
    state = 0
    switch survival {
    case .random(let seed, _): state = seed
    case .prefix(let seed):
      state = seed
      if let unsynced {
        // From "none of them" to "all of them".
        lastStamp = unsynced.lowerBound - 1 + next() % (UInt64(unsynced.count) + 1)
      }
    case .tornLast(let seed):
      state = seed
      let sectors = max(1, lastBytes / Self.sectorBytes)
      lastKept = Int(next() % UInt64(sectors)) * Self.sectorBytes
    case .none, .all, .metadata: break
    }
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  mutating func spares(_ change: Change, _ stamp: UInt64) -> Bool {
    switch survival {
    case .none: false
    case .all, .tornLast: true
    case .random(_, let percent): next() % 100 < UInt64(percent)
    case .prefix: stamp <= lastStamp
    case .metadata: change == .entry
    }
  }

  /// Whether the sector at byte `offset` of a surviving block is lost: one in sixteen at random,
  /// or the end of the last write.
  mutating func tears(_ offset: Int, of last: Range<Int>?) -> Bool {
    switch survival {
    case .random: return next() % 16 == 0
    case .tornLast:
      guard let last, offset < last.upperBound else { return false }
      return offset + Self.sectorBytes > last.lowerBound + lastKept
    default: return false
    }
  }

  var sparesSizes: Bool {
    switch survival {
    case .all, .metadata: true
    case .none, .random, .prefix, .tornLast: false
    }
  }
}
