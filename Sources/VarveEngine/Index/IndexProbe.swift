// One lookup's way through the tables of a snapshot: a cursor a table and a key that is built anew
// in place.

internal import VarveBase

struct IndexProbe {
  private let snapshot: IndexSnapshot
  private var cursors: [TableCursor]
  private var key: [UInt8] = []
  /// The window asked about last, how many were before it, and the tables that may hold path
  /// records of it.
  private var window: (namespace: UInt32, anchor0: UInt64, anchor1: UInt64)?
  private var windowNumber = 0
  private var holders: [Int] = []
  /// Tables that were looked into.
  private(set) var reads = 0
  private var pathProbes = 0
  private var pathsFound = 0

  init(_ snapshot: IndexSnapshot) {
    self.snapshot = snapshot
    cursors = Array(repeating: TableCursor(), count: snapshot.tables.count)
    key.reserveCapacity(IndexKey.byteCountMax)
  }

  /// What the id records and `held`, the memtables' word, say of `name`; nil when nobody knows it.
  mutating func findByID(
    _ name: PageName, _ hash: UInt64, above held: MemtableEntry?
  ) throws(IndexError) -> MemtableEntry? {
    var best = held?.record
    var found: (table: Int, record: FoundRecord)?
    var isBuilt = false
    // Each filter costs one line that is hardly ever in the processor's cache: ask for all at once.
    for table in snapshot.tables { table.filter.prefetch(hash) }
    for (index, table) in snapshot.tables.enumerated() {
      if let best, table.summary.counts.sequenceMax <= best.sequence { continue }
      guard table.filter.mayContain(hash) else { continue }
      if !isBuilt {
        key.removeAll(keepingCapacity: true)
        IndexKey.appendID(name, to: &key)
        isBuilt = true
      }
      snapshot.counters.idProbes.add()
      reads += 1
      guard let record = try table.find(key, .id, &cursors[index]) else {
        snapshot.counters.filterPasses.add()
        continue
      }
      // Another id with the same first 16 bytes: only an attacker can make one, and the pages of
      // his own namespace are all he hides.
      guard record.record.id == name.id else { continue }
      if let best, !record.record.wins(over: best) { continue }
      best = record.record
      found = (index, record)
    }
    guard let found else {
      if held == nil, !snapshot.tables.isEmpty { snapshot.counters.pagesAbsent.add() }
      return held
    }
    snapshot.counters.pagesFound.add()
    let place = try snapshot.tables[found.table].place(found.record)
    let record = found.record.record
    if record.kind == .page { return .page(record.page(name.namespace, at: place)) }
    return .deleted(Tombstone(name: name, sequence: record.sequence, place: place))
  }

  /// The path record of `name` at `place`; nil when the tables have none there, or another page's.
  mutating func findByPath(
    _ name: PageName, _ hash: UInt64, at place: WindowPlace
  ) throws(IndexError) -> IndexRecord? {
    var best: IndexRecord?
    var isBuilt = false
    enterWindow(name.namespace, place)
    let spot = TableCursor.Spot(window: windowNumber, index: place.index)
    for index in holders {
      if let best, snapshot.tables[index].summary.counts.sequenceMax <= best.sequence { continue }
      if let next = cursors[index].next(name.id, at: spot) {
        pathProbes += 1
        reads += 1
        if let best, !next.wins(over: best) { continue }
        best = next
        continue
      }
      let table = snapshot.tables[index]
      guard table.filter.mayContain(hash) else { continue }
      if !isBuilt {
        key.removeAll(keepingCapacity: true)
        IndexKey.appendPath(name, at: place, to: &key)
        isBuilt = true
      }
      pathProbes += 1
      reads += 1
      guard let record = try table.find(key, .path, &cursors[index], at: spot)?.record else {
        // It may still be there, put at another place: seldom enough to count as a filter's error.
        snapshot.counters.filterPasses.add()
        continue
      }
      if let best, !record.wins(over: best) { continue }
      best = record
    }
    guard let best, best.id == name.id else { return nil }
    pathsFound += 1
    return best
  }

  /// Adds what was counted since the last time: once a batch, not a page.
  mutating func tellCounts() {
    if pathProbes > 0 { snapshot.counters.pathProbes.add(pathProbes) }
    if pathsFound > 0 { snapshot.counters.pagesFound.add(pathsFound) }
    (pathProbes, pathsFound) = (0, 0)
  }

  /// Asks the tables once a window, so that filters that err cost a walk a block a window and not
  /// one a page.
  private mutating func enterWindow(_ namespace: UInt32, _ place: WindowPlace) {
    let asked = (namespace: namespace, anchor0: place.anchor0, anchor1: place.anchor1)
    if let window, window == asked { return }
    window = asked
    windowNumber += 1
    holders.removeAll(keepingCapacity: true)
    let hash = TableFilter.windowHash(
      namespace: namespace, anchor0: place.anchor0, anchor1: place.anchor1)
    for (index, table) in snapshot.tables.enumerated() where table.anchorFilter.mayContain(hash) {
      holders.append(index)
    }
  }
}
