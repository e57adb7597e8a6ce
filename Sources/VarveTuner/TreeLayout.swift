// How the pages of an index lie in a Fluid LSM of some shape (Dayan and Idreos, "Dostoevsky",
// SIGMOD 2018), in closed form and as our picker forms it: flushes pile up in level 0; a level that
// is full goes down as a whole, into the first level that has room; there it joins the newest run
// where the two make a run of usual size, or where there would be more runs than allowed.

internal import VarveBase

/// Levels, the newest first, each with its pages and its runs on average over time.
///
/// Storage is kept between settings: a search tries thousands.
struct TreeLayout {
  private(set) var pages: [Double] = []
  private(set) var runs: [Double] = []
  /// Its filters: divided for full levels, as the index does, and asked as the runs stand.
  private(set) var filters = FilterBudgets(planned: [], standing: [])
  private var standing: [RunGroup] = []
  /// What the levels above the last hold when they are full.
  private var inner: [Double] = []
  /// Times a page is written by merges, from its flush to the last level.
  private(set) var copies = 0.0
  /// Pages that come to the last level at a time.
  private(set) var arrivingLast = 0.0

  init() {
    pages.reserveCapacity(Limits.modelLevelsMax)
    runs.reserveCapacity(Limits.modelLevelsMax)
    standing.reserveCapacity(Limits.modelLevelsMax)
    inner.reserveCapacity(Limits.modelLevelsMax)
  }

  /// Lays `indexPages` out.
  ///
  /// - Parameters:
  ///   - flushPages: pages of one flush.
  ///   - unitPages: pages that the engine takes a flush for: level n holds unitPages · T^(n + 1).
  mutating func lay(
    indexPages: Double, flushPages: Double, unitPages: Double, sizeRatio: Double,
    innerRunsMax: Double, lastRunsMax: Double
  ) {
    precondition(sizeRatio >= 2, "size ratio \(sizeRatio)")
    precondition(flushPages > 0 && unitPages > 0, "a flush of no pages")
    pages.removeAll(keepingCapacity: true)
    runs.removeAll(keepingCapacity: true)
    inner.removeAll(keepingCapacity: true)
    copies = 0
    var left = max(indexPages, flushPages)
    var arriving = flushPages
    var capacity = unitPages * sizeRatio
    while capacity < indexPages, left > arriving, pages.count < Limits.modelLevelsMax - 1 {
      let level = Level(
        arriving: arriving, capacity: capacity, runsMax: innerRunsMax, isFirst: pages.isEmpty)
      pages.append(min(level.pages, left / 2))
      runs.append(level.runs)
      copies += level.copies
      left -= pages[pages.count - 1]
      arriving = level.leaving
      inner.append(capacity)
      capacity *= sizeRatio
    }
    addLast(left, arriving: arriving, capacity: capacity, runsMax: lastRunsMax)
    standing.removeAll(keepingCapacity: true)
    var largest = 0.0
    for (pages, runs) in zip(pages, runs) {
      standing.append(RunGroup(names: pages / runs, count: runs))
      largest = max(largest, pages / runs)
    }
    // The only level there is: all its runs have the bits they were given.
    let planned =
      inner.isEmpty
      ? standing
      : RunGroup.fullTree(
        names: indexPages, inner: inner, innerRunsMax: innerRunsMax, lastRunsMax: lastRunsMax,
        largest: largest)
    filters = FilterBudgets(planned: planned, standing: standing)
  }

  /// One level above the last: what comes in, what it holds on average, what goes down.
  private struct Level {
    var pages: Double
    var runs: Double
    var copies: Double
    var leaving: Double

    init(arriving: Double, capacity: Double, runsMax: Double, isFirst: Bool) {
      // Arrivals that make one run of usual size.
      let usual = max(1, (capacity / runsMax / arriving).rounded(.down))
      var held = max(1, (capacity / arriving).rounded(.down))
      // Level 0 goes down rather than joining more than the usual size.
      if isFirst { held = min(held, usual * runsMax) }
      let full = min(runsMax, (held / usual).rounded(.down))
      let over = held - full * usual
      // A run of n arrivals was written once for each; what is over the usual size of the last run
      // is written again with every further arrival.
      var written = full * usual * (usual + 1) / 2
      var standing = full * usual * (full + 1) / 2
      if full < runsMax {
        written += over * (over + 1) / 2
        standing += over * (full + 1)
      } else {
        written += over * usual + over * (over + 1) / 2
        standing += over * runsMax
      }
      // The flush that a run of level 0 begins with is no merge.
      if isFirst { written -= full + (full < runsMax && over > 0 ? 1 : 0) }
      // One more arrival takes all of it down, itself unwritten here.
      copies = written / (held + 1)
      runs = max(0.5, standing / (held + 1))
      pages = arriving * held / 2
      leaving = arriving * (held + 1)
    }
  }

  /// The last level holds the rest, oldest pages leaving as new ones come.
  private mutating func addLast(
    _ left: Double, arriving: Double, capacity: Double, runsMax: Double
  ) {
    let usual = max(1, (capacity / runsMax / arriving).rounded(.down))
    let held = max(1, left / arriving)
    pages.append(left)
    arrivingLast = arriving
    if usual >= held || runsMax == 1 {
      // One run, written anew with every arrival, of which as much leaves as comes.
      runs.append(1)
      copies += held
      return
    }
    let full = min(runsMax, held / usual)
    let over = max(0, held - full * usual)
    runs.append(max(1, full))
    // Beyond Z runs the newest grows with every arrival, until an old run is dead and leaves.
    copies += (usual + 1) / 2 + over * (usual + over / 2) / held
  }

  /// Distinct runs in which the pages of one window lie that were put in `batches` batches, each in
  /// some run, larger runs more often.
  func runsOfWindow(batches: Double) -> Double {
    let all = pages.reduce(0, +)
    var distinct = 0.0
    for level in pages.indices {
      let share = min(1, pages[level] / runs[level] / all)
      distinct += runs[level] * (1 - Powers.power(1 - share, batches))
    }
    return distinct
  }
}
