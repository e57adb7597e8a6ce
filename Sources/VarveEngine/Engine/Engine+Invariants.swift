// What must hold of a whole engine while nothing is under way: for tests, which ask after every
// recovery. Each part's own invariants are its own.

package import VarveBase

extension Engine {
  /// One clear sentence for the first invariant that does not hold; nil when all do. Reads every
  /// table: not for production. Nothing else may use the engine meanwhile.
  ///
  /// - Parameter pagesExpire: some page had a time to live. It is counted until the next start when
  ///   a merge or a new put of its name overtook it, so that counts are then from above.
  package func brokenInvariant(pagesExpire: Bool = false) throws(EngineError) -> String? {
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
    let counted = try storage { () throws(IndexError) in try countPages() }
    for (number, entry) in segments {
      let held = entry.held.filter { $0.value.pages > 0 && namespaceTable.ids.contains($0.key) }
      let found = counted.bySegment[number] ?? [:]
      let covers = pagesExpire && found.allSatisfy { (held[$0.key]?.pages ?? 0) >= $0.value.pages }
      if held != found, !covers { return "segment \(number) counts \(held), holds \(found)" }
    }
    for view in namespaces() {
      let found = counted.byNamespace[view.id] ?? PageCounts()
      let covers = pagesExpire && view.pages >= found.pages && view.bytes >= found.bytes
      if view.pages != found.pages || view.bytes != found.bytes, !covers {
        return "namespace \(view.name) counts \(view.pages) pages, holds \(found.pages)"
      }
    }
    if counted.sequenceMax > lastSequence {
      return "sequence \(counted.sequenceMax) is given out, last is \(lastSequence)"
    }
    return nil
  }

  /// The ledger is the sum of what is there.
  private func brokenBytes() -> String? {
    let segments = keeper.table.all().reduce(0) { $0 + $1.entry.diskBytes }
    let tables = manifest.state.tables.reduce(0) { $0 + DiskLedger.rounded($1.fileBytes) }
    let sum = segments + tables + UInt64(Limits.manifestBytesReserved)
    // More: a file that is unlinked and still open, or could not be removed.
    if keeper.disk.used < sum { return "the ledger holds \(keeper.disk.used), files \(sum)" }
    if keeper.disk.isOver { return "\(keeper.disk.used) bytes of \(keeper.disk.capacity)" }
    return nil
  }

  private struct Counted {
    var bySegment: [UInt64: [UInt32: PageCounts]] = [:]
    var byNamespace: [UInt32: PageCounts] = [:]
    var sequenceMax: UInt64 = 0
  }

  /// Every live page by the name the index finds it under, expired ones included: they are counted
  /// until a merge drops them.
  private func countPages() throws(IndexError) -> Counted {
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
    var counted = Counted()
    for name in names where alive.contains(name.namespace) {
      switch try snapshot.find(name) {
      case .page(let page):
        counted.sequenceMax = max(counted.sequenceMax, page.birth)
        let number = page.location.segment
        guard live.contains(number) else { continue }
        let bytes = UInt64(page.location.rawBytes)
        counted.bySegment[number, default: [:]][name.namespace, default: PageCounts()]
          .add(bytes)
        counted.byNamespace[name.namespace, default: PageCounts()].add(bytes)
      case .deleted(let sequence): counted.sequenceMax = max(counted.sequenceMax, sequence)
      case .absent: break
      }
    }
    return counted
  }

  /// The segment that holds a page now; nil when the page is absent.
  package func segment(of id: PageID, in namespace: UInt32) throws(EngineError) -> UInt64? {
    try record(of: PageName(namespace: namespace, id: id))?.location.segment
  }

  /// Live segments by number.
  package var liveSegments: [UInt64] { keeper.table.all().map(\.number) }
}

extension PageCounts {
  fileprivate mutating func add(_ bytes: UInt64) {
    pages += 1
    self.bytes += bytes
  }
}
