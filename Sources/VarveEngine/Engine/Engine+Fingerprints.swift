// Look-ups by the fingerprint table: presence from memory, the end of the run confirmed by its full
// id. A page whose name the table cannot tell about is confirmed as well.

internal import VarveBase

extension Engine {
  /// The answer as the table has it; nil where the index has to give it: no table, a namespace
  /// whose pages expire, more than a few pages that only the index knows.
  ///
  /// Bits and pages before the run's last may be over-reported by a collision; nothing is ever
  /// under-reported, and the run's last page is there.
  func lookupByFingerprints(
    _ slice: ChainSlice, wantPresent: Bool, in namespace: LiveNamespace
  ) throws(EngineError) -> LookupAnswer? {
    var lookup = FingerprintLookup(self, slice, wantPresent: wantPresent)
    guard fingerprints.isOn, try lookup.findRun() else { return nil }
    // Asked after the table: who stores such a page says so first.
    guard !namespace.pagesExpire, try lookup.confirmEnd() else { return nil }
    var answer = lookup.answer
    if let bytes = namespace.pageBytesOfAll {
      answer.hitBytes = UInt64(answer.hitPages) * UInt64(bytes)
    } else if answer.hitPages > 0 {
      // Pages of several lengths: only the index has each one's.
      let run = slice.prefix(answer.hitPages)
      (answer.hitPages, answer.hitBytes) = (0, 0)
      try walk(run) { _, record in
        guard let record else { return false }
        answer.hitPages += 1
        answer.hitBytes += UInt64(record.location.rawBytes)
        return true
      }
    }
    return answer
  }
}

/// One such look-up.
private struct FingerprintLookup {
  /// Pages asked together at first: a run that does not begin, asked again and again, costs little.
  private static let batchMin = 16
  /// More pages that only the index knows are walked to.
  private static let askMax = 16
  /// Steps back from an end that was not there, before the index is asked for all.
  private static let stepsBackMax = 2

  private let engine: Engine
  private let slice: ChainSlice
  private let wantPresent: Bool
  private let snapshot: IndexSnapshot
  private let live: LiveSegments
  private let now: UInt64
  private(set) var answer = LookupAnswer()
  /// The last page that the index confirmed.
  private var confirmed = -1

  init(_ engine: Engine, _ slice: ChainSlice, wantPresent: Bool) {
    self.engine = engine
    self.slice = slice
    self.wantPresent = wantPresent
    live = engine.keeper.table.live
    now = engine.clock.wallMillis()
    snapshot = engine.index.snapshot()
    if wantPresent { answer.present = Bitmap.empty(count: slice.count) }
  }

  /// Counts the run and sets the bits; false where the index has to be asked for all.
  mutating func findRun() throws(EngineError) -> Bool {
    var states: [Fingerprint] = []
    var hashes: [UInt64] = []
    var asked = 0
    var next = 0
    while next < slice.count {
      let end = min(slice.count, next + (next == 0 ? Self.batchMin : FingerprintTable.batchMax))
      guard
        let counts = engine.fingerprints.find(
          slice.ids[slice.first + next..<slice.first + end], of: slice.namespace, hashes: &hashes,
          into: &states)
      else { return false }
      var found = states.count
      if counts.maybe < states.count {
        guard let first = try firstAbsent(&states, from: next, asked: &asked) else { return false }
        found = first
      }
      if answer.hitPages == next { answer.hitPages += found }
      if wantPresent {
        for offset in states.indices where states[offset] == .maybe {
          answer.present.setBit(next + offset)
        }
      } else if found < states.count {
        return true
      }
      next = end
    }
    return true
  }

  /// The first of `states` that is absent, their count when none is; decides those that only the
  /// index knows, up to there or all of them. Nil when these are too many.
  private mutating func firstAbsent(
    _ states: inout [Fingerprint], from first: Int, asked: inout Int
  ) throws(EngineError) -> Int? {
    var end = states.count
    for offset in states.indices where states[offset] != .maybe {
      if states[offset] == .askIndex {
        asked += 1
        guard asked <= Self.askMax else { return nil }
        if try isInIndex(first + offset) {
          states[offset] = .maybe
          continue
        }
        states[offset] = .absent
      }
      end = min(end, offset)
      if !wantPresent { break }
    }
    return end
  }

  /// Sees that the run's last page is there; false where that is more than a collision.
  mutating func confirmEnd() throws(EngineError) -> Bool {
    for _ in 0..<Self.stepsBackMax {
      let last = answer.hitPages - 1
      if last < 0 || last == confirmed { return true }
      if try isInIndex(last) { return true }
      engine.fingerprints.wrong.add()
      answer.hitPages -= 1
      if wantPresent { answer.present.clearBit(last) }
    }
    return false
  }

  private func name(_ index: Int) -> PageName {
    PageName(namespace: slice.namespace, id: slice.ids[slice.first + index])
  }

  private mutating func isInIndex(_ index: Int) throws(EngineError) -> Bool {
    do throws(IndexError) {
      guard case .page(let page) = try snapshot.find(name(index)) else { return false }
      guard live.contains(page.location.segment), !page.isExpired(atMillis: now) else {
        return false
      }
      confirmed = index
      return true
    } catch {
      throw .storage("\(error)")
    }
  }
}
