// What a setting would cost under a load: the Fluid LSM's closed forms, scaled by what this machine
// measured (`CostFit`).

internal import VarveBase

/// How large the index is and what memory it has; the same for every setting of one search.
package struct IndexScale: Equatable, Sendable {
  package var pages: Double
  /// Pages that live; 0 where that is not known.
  package var livePages = 0.0
  /// Table bytes of a page: its two records, compressed, with their share of the table's other
  /// parts.
  package var bytesPerPage: Double
  /// Memtable bytes of a page.
  package var memtableBytesPerPage: Double
  /// Table bytes that the engine takes a flush for, of a memtable byte: what sizes the levels.
  package var unitBytesPerMemtableByte: Double
  /// Memory that filters and blocks share.
  package var cacheBytes: Double

  /// Pages that the tree is laid for.
  var treePages: Double { livePages > 0 ? min(pages, Self.deadFactor * livePages) : pages }

  /// Flushes that make up what the engine takes one for.
  var flushesPerUnit: Double { unitBytesPerMemtableByte * memtableBytesPerPage / bytesPerPage }

  /// How many dead pages wait to be let go of depends on the shape in force, which is not the one
  /// that is asked about. Of 165 shapes the tree is about right with a fifth of them beside the
  /// live ones (decision 0013).
  static let deadFactor = 1.2

  package init(
    pages: Double, bytesPerPage: Double, memtableBytesPerPage: Double,
    unitBytesPerMemtableByte: Double, cacheBytes: Double
  ) {
    self.pages = pages
    self.bytesPerPage = bytesPerPage
    self.memtableBytesPerPage = memtableBytesPerPage
    self.unitBytesPerMemtableByte = unitBytesPerMemtableByte
    self.cacheBytes = cacheBytes
  }

  /// As a window shows it; nil while there is nothing in tables, or no flush told what a page
  /// takes.
  package init?(_ window: TunerWindow) {
    let end = window.end
    guard end.indexPages > 0, end.indexBytes > 0, window.meanPages > 0,
      end.memtableBytesPerPage > 0,
      end.unitBytesPerMemtableByte > 0
    else { return nil }
    self.init(
      pages: window.meanPages, bytesPerPage: Double(end.indexBytes) / Double(end.indexPages),
      memtableBytesPerPage: end.memtableBytesPerPage,
      unitBytesPerMemtableByte: end.unitBytesPerMemtableByte, cacheBytes: Double(end.cacheBytes))
    livePages = window.meanLivePages
  }
}

/// What one setting is expected to cost.
package struct CostEstimate: Equatable, Sendable {
  /// Runs searched in vain for one absent page.
  package var falsePasses = 0.0
  /// Blocks looked into for one page that is there.
  package var presentBlocks = 0.0
  /// The share of blocks that have to be read.
  package var missShare = 0.0
  /// Table bytes that merges read and write for one page put.
  package var mergedBytes = 0.0
  /// A page that reaches the tables, and a page put, at the prices given.
  package var readNanos = 0.0
  package var writeNanos = 0.0
  /// The load's mean page.
  package var nanos = 0.0

  package init() {}
}

/// Evaluates settings one after another; keeps its scratch memory.
package struct CostModel {
  package let scale: IndexScale
  package let mix: LoadMix
  package let prices: Prices
  package let fit: CostFit
  private var layout = TreeLayout()
  /// What `layout` was laid for, and its runs of a window: the search's fastest knob changes
  /// neither.
  private var laidFor: Setting?
  private var runsOfWindow = 0.0

  package init(scale: IndexScale, mix: LoadMix, prices: Prices, fit: CostFit) {
    precondition(scale.pages > 0 && scale.bytesPerPage > 0, "a model of an empty index")
    precondition(
      scale.memtableBytesPerPage > 0 && scale.unitBytesPerMemtableByte > 0,
      "a page takes no memtable")
    self.scale = scale
    self.mix = mix
    self.prices = prices
    self.fit = fit
  }

  package mutating func estimate(_ setting: Setting) -> CostEstimate {
    lay(setting)
    var cost = CostEstimate()
    cost.falsePasses =
      fit.falsePassScale * layout.filters.falsePasses(bitsPerName: setting[.filterBits])
    // A page that is there is found after half of the runs, on average.
    cost.presentBlocks =
      fit.windowBlocks * runsOfWindow + cost.falsePasses / 2
    cost.mergedBytes = 2 * scale.bytesPerPage * fit.copies(layout.copies)
    let reads = mix.absent + mix.present
    if reads > 0 {
      let miss = missShare(setting)
      // A window that lies in several runs is looked for in as many blocks, but these hold the less
      // of other windows: together they are read as often as one (docs/tuner.md).
      let split = fit.windowBlocks * max(0, runsOfWindow - 1)
      let blocks = (mix.absent * cost.falsePasses + mix.present * cost.presentBlocks) / reads
      var read = miss * (blocks - split * mix.present / reads)
      let formed =
        mix.put * (scale.bytesPerPage + cost.mergedBytes / 2) / CostFit.blockBytes / reads
      read += (1 - miss) * fit.newReads(accesses: blocks, formed: formed)
      cost.missShare = blocks > 0 ? read / blocks : 0
      cost.readNanos = read * prices.blockRead + (blocks - read) * prices.blockHit
    }
    cost.writeNanos =
      scale.bytesPerPage * prices.byteWritten
      + cost.mergedBytes * (prices.byteWritten + prices.byteRead) / 2
    cost.nanos = reads * cost.readNanos + mix.put * cost.writeNanos
    return cost
  }

  /// Blocks of the index that the cache cannot hold, in the measure that the machine showed.
  private func missShare(_ setting: Setting) -> Double {
    let held = scale.cacheBytes - Self.filterBytes(setting, pages: scale.pages)
    let share = max(0, held) / (scale.pages * scale.bytesPerPage)
    return fit.missShare(cachedShare: share)
  }

  /// Lays the tree out; the layout that `CostFit` compares with what was measured.
  mutating func lay(_ setting: Setting) {
    if let laidFor, KnobName.ofLayout.allSatisfy({ laidFor[$0] == setting[$0] }) { return }
    laidFor = setting
    layout.lay(
      indexPages: scale.treePages,
      flushPages: max(1, setting[.memtableBytes] / scale.memtableBytesPerPage),
      unitPages: setting[.memtableBytes] * scale.unitBytesPerMemtableByte / scale.bytesPerPage,
      sizeRatio: setting[.sizeRatio], innerRunsMax: setting[.innerRunsMax],
      lastRunsMax: setting[.lastRunsMax])
    runsOfWindow = layout.runsOfWindow(batches: fit.batches)
  }

  /// Pages put until the last level was merged into once: before that, what writing costs has
  /// hardly been seen.
  mutating func turnPages(_ setting: Setting) -> Double {
    lay(setting)
    return layout.arrivingLast
  }

  /// The unscaled closed forms of `setting`.
  mutating func bare(_ setting: Setting, batches: Double) -> (
    falsePasses: Double, runsOfWindow: Double, copies: Double
  ) {
    lay(setting)
    let passes = layout.filters.falsePasses(bitsPerName: setting[.filterBits])
    return (passes, layout.runsOfWindow(batches: batches), layout.copies)
  }

  /// Memory of all filters together.
  static func filterBytes(_ setting: Setting, pages: Double) -> Double {
    setting[.filterBits] * pages / 8
  }
}
