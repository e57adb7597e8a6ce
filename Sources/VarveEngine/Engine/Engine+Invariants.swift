// What must hold of a whole engine while nothing is under way: for tests, which ask after every
// recovery. Each part's own invariants are its own.

package import VarveBase

extension Engine {
  /// One clear sentence for the first invariant that does not hold; nil when all do. Reads every
  /// table: not for production. Nothing else may use the engine meanwhile.
  package func brokenInvariant() throws(EngineError) -> String? {
    let state = manifest.state
    state.checkInvariants()
    log.state.update { $0.checkInvariants() }
    let tables = index.snapshot().tables
    if tables.map(\.summary) != state.tables { return "the tables are not the manifest's" }
    let segments = keeper.table.all()
    if segments.map(\.number) != state.segments.keys.sorted() {
      return "segments \(segments.map(\.number)), manifest \(state.segments.keys.sorted())"
    }
    if let problem = brokenBytes() { return problem }
    fingerprints.checkInvariants()
    let found = try storage { () throws(IndexError) in try findPages() }
    if let name = found.unknown { return "page \(name.id.hex) is absent to the fingerprints" }
    if let problem = brokenCounts(found.census) { return problem }
    if found.sequenceMax > lastSequence {
      return "sequence \(found.sequenceMax) is given out, last is \(lastSequence)"
    }
    return nil
  }

  /// What is counted while the store runs, and what its tables and memtables carry for the next
  /// start, against the pages that can be found.
  private func brokenCounts(_ found: PageCensus) -> String? {
    let now = nowSeconds
    let alive = namespaceTable.ids
    var counted = PageCensus()
    for (number, entry) in keeper.table.all() {
      for (id, held) in entry.held where alive.contains(id) {
        counted.add(held, segment: number, namespace: id)
      }
    }
    counted = counted.limited(at: now) { _, _ in true }
    if counted != found { return "segments count \(counted), hold \(found)" }
    let snapshot = index.snapshot()
    if var carried = PageCensus.sum(of: snapshot.tables) {
      for memtable in snapshot.memtables { carried.add(memtable.census) }
      let live = keeper.table.live
      carried = carried.limited(at: now) { live.contains($0) && alive.contains($1) }
      if carried != found { return "tables carry \(carried), hold \(found)" }
    }
    for view in namespaces() {
      let own = found.segments.values.reduce(into: PageCounts()) {
        $0 += $1[view.id]?.total ?? PageCounts()
      }
      if Int64(view.pages) != own.pages || Int64(view.bytes) != own.bytes {
        return "namespace \(view.name) counts \(view.pages) pages, holds \(own.pages)"
      }
    }
    return nil
  }

  /// The ledger is the sum of what is there.
  private func brokenBytes() -> String? {
    let segments = keeper.table.all().reduce(0) { $0 + $1.entry.diskBytes }
    let tables = manifest.state.tables.reduce(0) { $0 + DiskLedger.rounded($1.fileBytes) }
    let sum = segments + tables + UInt64(configuration.manifestBytesReserved)
    // More: a file that is unlinked and still open, or could not be removed.
    if keeper.disk.used < sum { return "the ledger holds \(keeper.disk.used), files \(sum)" }
    if keeper.disk.isOver { return "\(keeper.disk.used) bytes of \(keeper.disk.capacity)" }
    return nil
  }

  private struct Found {
    var census = PageCensus()
    var sequenceMax: UInt64 = 0
    /// A page that the index has and the fingerprint table calls absent.
    var unknown: PageName?
  }

  /// Every live page by the name the index finds it under, and the highest sequence seen.
  private func findPages() throws(IndexError) -> Found {
    let snapshot = index.snapshot()
    var names: Set<PageName> = []
    try Merge.visitPages(snapshot.tables) { namespace, record in
      names.insert(PageName(namespace: namespace, id: record.id))
    }
    for memtable in snapshot.memtables {
      for entry in memtable.contents().entries { names.insert(entry.name) }
    }
    let live = keeper.table.live
    let alive = namespaceTable.ids
    var found = Found()
    var hashes: [UInt64] = []
    var states: [Fingerprint] = []
    for name in names where alive.contains(name.namespace) {
      switch try snapshot.find(name) {
      case .page(let page):
        found.sequenceMax = max(found.sequenceMax, page.birth)
        guard live.contains(page.location.segment) else { continue }
        let known = fingerprints.find(
          [name.id], of: name.namespace, hashes: &hashes, into: &states)
        if known?.absent == 1 {
          found.unknown = name
        }
        found.census.add(page)
      case .deleted(let sequence): found.sequenceMax = max(found.sequenceMax, sequence)
      case .absent: break
      }
    }
    found.census = found.census.limited(at: nowSeconds) { _, _ in true }
    return found
  }

  /// The segment that holds a page now; nil when the page is absent.
  package func segment(of id: PageID, in namespace: UInt32) throws(EngineError) -> UInt64? {
    try record(of: PageName(namespace: namespace, id: id))?.location.segment
  }

  /// Live segments by number.
  package var liveSegments: [UInt64] { keeper.table.all().map(\.number) }
}
