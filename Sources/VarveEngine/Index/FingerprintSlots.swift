// Short numbers for the segments that fingerprints name. A number is used again only when no entry
// bears it any more, so that a new segment never answers for the pages of an old one.

/// Which segment has which slot, and how many entries bear each.
struct FingerprintSlots {
  /// The slot of segments that found none free: of their pages only the index knows.
  static let unknown = UInt16.max
  static let countMax = Int(UInt16.max)

  private var slotOf: [UInt64: UInt16] = [:]
  private var isLive = [Bool](repeating: false, count: countMax)
  private var entries = [UInt32](repeating: 0, count: countMax)
  /// Slots never used begin at `next`.
  private var free: [UInt16] = []
  private var next: UInt16 = 0
  /// Live and dead slots that are not free.
  private(set) var usedCount = 0
  private(set) var deadCount = 0
  /// Entries of dead slots.
  private(set) var deadEntries = 0

  init() {}

  /// The slot of a live segment; nil when the segment is not live.
  subscript(segment: UInt64) -> UInt16? { slotOf[segment] }

  /// Slots that new segments can have before a sweep.
  var freeCount: Int { Self.countMax - usedCount }

  /// Gives the segment, which begins to live, a slot.
  mutating func add(_ segment: UInt64) -> UInt16 {
    precondition(slotOf[segment] == nil, "segment \(segment) has a slot already")
    let slot = take()
    slotOf[segment] = slot
    guard slot != Self.unknown else { return slot }
    isLive[Int(slot)] = true
    usedCount += 1
    return slot
  }

  private mutating func take() -> UInt16 {
    if let slot = free.popLast() { return slot }
    guard next < Self.unknown else { return Self.unknown }
    defer { next += 1 }
    return next
  }

  /// The segment is gone; gives the slot that is dead from now on.
  mutating func remove(_ segment: UInt64) -> UInt16? {
    guard let slot = slotOf.removeValue(forKey: segment), slot != Self.unknown else { return nil }
    isLive[Int(slot)] = false
    deadCount += 1
    deadEntries += Int(entries[Int(slot)])
    freeIfUnused(slot)
    return slot
  }

  /// One entry more bears the slot.
  mutating func count(_ slot: UInt16) {
    if slot != Self.unknown { entries[Int(slot)] += 1 }
  }

  /// An entry of a dead slot was left out when its shard was made anew.
  mutating func uncount(_ slot: UInt16) {
    precondition(slot != Self.unknown && !isLive[Int(slot)], "only entries of dead slots go")
    precondition(entries[Int(slot)] > 0, "slot \(slot) lost an entry it never had")
    entries[Int(slot)] -= 1
    deadEntries -= 1
    freeIfUnused(slot)
  }

  private mutating func freeIfUnused(_ slot: UInt16) {
    guard entries[Int(slot)] == 0 else { return }
    free.append(slot)
    usedCount -= 1
    deadCount -= 1
  }

  /// Entries that bear the slot.
  func entryCount(_ slot: UInt16) -> Int { Int(entries[Int(slot)]) }

  /// Every count agrees with the others.
  func checkInvariants() {
    let named = Set(slotOf.values.filter { $0 != Self.unknown })
    precondition(named.count == usedCount - deadCount, "live slots \(named.count)")
    precondition(named.allSatisfy { isLive[Int($0)] }, "a segment with a dead slot")
    precondition(Int(next) == usedCount + free.count, "slots used and free")
    let dead = (0..<Int(next)).filter { !isLive[$0] }.reduce(0) { $0 + Int(entries[$1]) }
    precondition(dead == deadEntries, "\(dead) dead entries, \(deadEntries) counted")
  }
}
