// The cost model's coefficients: where the closed forms and this machine differ, by measure.

internal import VarveBase

/// Scales between what the model says of the setting in force and what was counted. Each is kept
/// within bounds: a strange window must not send the search astray.
package struct CostFit: Equatable, Sendable {
  /// False passes counted, of those of ideal filters (ours are blocked by cache lines).
  package var falsePassScale = 1.5
  /// Blocks looked into for a page that is there, if its whole window lay in one run.
  package var windowBlocks = 1.0 / Double(Limits.windowPages)
  /// Batches in which the pages of a window came, as if each lay in a run of its own.
  package var batches = 2.0
  /// Copies counted, of those of the closed form; `copiesBase` keeps it tame near none.
  package var copiesScale = 1.0
  /// The hit share is the cached share of the index to this power: small where the load prefers
  /// some blocks.
  package var hitExponent = 0.5
  /// Of the blocks that flushes and merges form, those that would be asked for if there were no end
  /// of asking: each is read once, though memory could hold all.
  package var newBlocksAsked = 0.0

  package static let copiesBase = 0.5
  /// What a new measure weighs against the old value, in the logarithm.
  static let newWeight = 0.5
  /// Fewer pages, or new blocks, than this prove nothing.
  static let pagesMin = 500.0
  static let blocksFormedMin = 20.0
  static let blockBytes = Double(Limits.tableBlockBytes)
  /// Merges into the last level that a window must have room for.
  static let turnsMin = 2.0
  /// What a window weighs at least in which hardly anything was put, of one that saw a whole turn.
  static let turnShareMin = 0.2
  static let scaleBounds = 0.1...10.0
  static let blockBounds = 1.0 / 128...8.0
  static let exponentBounds = 0.02...4.0
  static let batchesTried = [1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32]

  package init() {}

  func copies(_ bare: Double) -> Double {
    max(0, (bare + Self.copiesBase) * copiesScale - Self.copiesBase)
  }

  /// What memory cannot hold.
  func missShare(cachedShare: Double) -> Double {
    guard cachedShare < 1 else { return 0 }
    return 1 - Powers.power(max(0, cachedShare), hitExponent)
  }

  /// Blocks read because they are new: no more than are looked into, no more than are formed.
  func newReads(accesses: Double, formed: Double) -> Double {
    let asked = newBlocksAsked * formed
    return asked > 0 ? accesses * asked / (accesses + asked) : 0
  }

  /// Takes in what `window` counted while `setting` was in force.
  package mutating func learn(_ window: TunerWindow, _ setting: Setting, _ scale: IndexScale) {
    var model = CostModel(scale: scale, mix: window.mix, prices: .flash, fit: self)
    let bare = model.bare(setting, batches: batches)
    // What stands above the last level, and so how many runs and how full filters are, goes through
    // a turn from one merge into it to the next.
    let turn = window.putPages / max(1, model.turnPages(setting))
    let weight = Self.newWeight * min(1, max(Self.turnShareMin, turn))
    let passes = (window.absentPages + window.presentPages / 2) * bare.falsePasses
    if window.readPages >= Self.pagesMin, passes >= 20 || window.falsePasses >= 20 {
      Self.move(
        &falsePassScale, to: (window.falsePasses + 1) / (passes + 1), within: Self.scaleBounds,
        weight)
    }
    if window.presentPages >= Self.pagesMin {
      let blocks = max(0, window.blockAccesses - window.falsePasses) / window.presentPages
      Self.move(
        &windowBlocks, to: blocks / max(1e-9, bare.runsOfWindow), within: Self.blockBounds, weight)
    }
    // Merges into the last level come in bursts: a window with one of them or none proves nothing.
    if turn >= Self.turnsMin, window.flushedBytes > 0 {
      let merged = (window.mergeReadBytes + window.mergeWrittenBytes) / 2
      let counted = merged / (window.putPages * scale.bytesPerPage)
      Self.move(
        &copiesScale, to: (counted + Self.copiesBase) / (bare.copies + Self.copiesBase),
        within: Self.scaleBounds)
    }
    learnMisses(window, setting, scale)
  }

  private mutating func learnMisses(
    _ window: TunerWindow, _ setting: Setting, _ scale: IndexScale
  ) {
    guard window.blockAccesses >= Self.pagesMin else { return }
    let miss = window.blockReads / window.blockAccesses
    let held = scale.cacheBytes - CostModel.filterBytes(setting, pages: scale.pages)
    let cached = max(0, held) / (scale.pages * scale.bytesPerPage)
    if cached >= 1 {
      let formed = (window.flushedBytes + window.mergeWrittenBytes) / Self.blockBytes
      guard formed >= Self.blocksFormedMin else { return }
      let asked = miss < 1 ? window.blockReads / (1 - miss) / formed : 1
      newBlocksAsked += (min(1, asked) - newBlocksAsked) * Self.newWeight
    } else if cached > 0.001 {
      let hit = min(0.999, max(0.001, 1 - miss))
      Self.move(
        &hitExponent, to: Powers.logarithm(hit) / Powers.logarithm(cached),
        within: Self.exponentBounds)
    }
  }

  /// Two settings under one load tell how far the pages of a window are spread over runs.
  mutating func learnBatches(
    from before: (window: TunerWindow, setting: Setting),
    to after: (window: TunerWindow, setting: Setting), _ scale: IndexScale
  ) {
    let windows = [before.window, after.window]
    guard windows.allSatisfy({ $0.presentPages >= Self.pagesMin && $0.blockAccesses > 0 }) else {
      return
    }
    let blocks = windows.map { max(1, $0.blockAccesses - $0.falsePasses) / $0.presentPages }
    let counted = Powers.logarithm(blocks[1] / blocks[0])
    var model = CostModel(scale: scale, mix: after.window.mix, prices: .flash, fit: self)
    var best = (batches: batches, distance: Double.infinity)
    for tried in Self.batchesTried {
      let old = model.bare(before.setting, batches: tried).runsOfWindow
      let new = model.bare(after.setting, batches: tried).runsOfWindow
      let distance = abs(Powers.logarithm(new / old) - counted)
      if distance < best.distance { best = (tried, distance) }
    }
    Self.move(&batches, to: best.batches, within: 1...32)
  }

  /// A share of the way to `value`, in the logarithm.
  private static func move(
    _ coefficient: inout Double, to value: Double, within bounds: ClosedRange<Double>,
    _ weight: Double = newWeight
  ) {
    let bounded = min(bounds.upperBound, max(bounds.lowerBound, value))
    let old = Powers.logarithm(coefficient)
    coefficient = Powers.exponential(old + (Powers.logarithm(bounded) - old) * weight)
  }
}
