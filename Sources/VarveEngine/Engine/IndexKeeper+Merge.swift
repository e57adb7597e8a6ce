// Merging: what the picker asks for, several at a time as long as they are of different tables.

internal import VarveBase

extension IndexKeeper {
  /// What is under way, and what asked for it.
  struct Merging {
    var plans: [MergePlan] = []
    /// A run was formed since the picker last had nothing to say.
    var hasArrived = false
    /// The shape was moved, and levels that have too many runs for it are to be joined.
    var joins = false
    /// Calls that wait until nothing is being merged: no merge begins meanwhile.
    var waiting = 0
    /// The store closes: merges end, none begins.
    var isStopping = false
  }

  private func picker(_ merging: Merging) -> Picker {
    let (tables, tuning) = state.withLock { ($0.snapshot.tables.map(\.summary), $0.tuning) }
    var picker = Picker(tables, tuning.shape, flushBytes: tuning.flushBytes)
    picker.merging = merging.plans
    picker.hasArrived = merging.hasArrived
    picker.joins = merging.joins
    picker.liveFrom = keeper.table.live.lowest ?? manifest.state.nextSegment
    return picker
  }

  /// One step that the picker asks for; nil when there is none now.
  func mergeOnce() throws(IndexError) -> IndexStep? {
    let step = merging.update { merging -> IndexStep? in
      guard merging.waiting == 0, !merging.isStopping else { return nil }
      let step = picker(merging).pick()
      switch step {
      case .merge(let plan): merging.plans.append(plan)
      case .drop(let tables): merging.plans.append(MergePlan(dropping: tables))
      case nil:
        if merging.plans.isEmpty {
          merging.hasArrived = false
          merging.joins = false
        }
      }
      return step
    }
    switch step {
    case .merge(let plan):
      defer { end(plan) }
      guard try merge(plan, keepOn: keepOn) else { return nil }
    case .drop(let tables):
      defer { end(MergePlan(dropping: tables)) }
      try replace(open(tables), by: nil)
      indexCounters.tablesDropped.add(tables.count)
    case nil: break
    }
    return step
  }

  /// Everything into one table; false when `keepOn`, told of bytes moved, ended it.
  /// Waits for merges under way. Flushes go on meanwhile, and what they write stays as it is.
  func mergeAll(keepOn: (Int) -> Bool) throws(IndexError) -> Bool {
    merging.update { $0.waiting += 1 }
    let plan = merging.wait { merging -> MergePlan?? in
      guard merging.plans.isEmpty else { return nil }
      merging.waiting -= 1
      let plan = picker(merging).mergeAll()
      if let plan { merging.plans.append(plan) }
      return .some(plan)
    }
    guard let plan = plan ?? nil else { return true }
    defer { end(plan) }
    return try merge(plan) { bytes in !merging.peek { $0.isStopping } && keepOn(bytes) }
  }

  /// Ends merges under way as if they had never begun.
  func stopMerging() { merging.update { $0.isStopping = true } }

  /// Merges being made.
  var mergeCount: Int { merging.peek { $0.plans.count } }

  /// After so many bytes more: waits as the budget wants, or not at all where puts wait for merges.
  /// False when the store closes.
  private func keepOn(_ bytes: Int) -> Bool {
    let delay = budget.delayNanos(after: bytes)
    guard delay > 0, behind == nil else { return !merging.peek { $0.isStopping } }
    let deadline = SystemClock().monotonicNanos() + delay
    return merging.wait(until: deadline) { $0.isStopping ? false : nil } ?? true
  }

  private func end(_ plan: MergePlan) {
    merging.update { merging in merging.plans.removeAll { $0 == plan } }
  }

  private func open(_ tables: [TableSummary]) -> [Table] {
    snapshot().tables.filter { tables.contains($0.summary) }
  }

  private func merge(
    _ plan: MergePlan, keepOn: (Int) -> Bool
  ) throws(IndexError) -> Bool {
    let inputs = open(plan.inputs)
    var isEnded = false
    let censusBytes = inputs.reduce(Varint.byteCountMax) {
      $0 + ($1.properties.census?.byteCountMax ?? 0)
    }
    let bound = plan.outputBytesMax(blockBytes: directory.blockBytes, censusBytes: censusBytes)
    let rules = rules(isWhole: inputs.count == snapshot().tables.count)
    let bits = filterBits(
      names: plan.inputs.reduce(0) { $0 + $1.counts.names },
      bytes: plan.inputs.reduce(0) { $0 + $1.fileBytes }, replacing: plan.inputs)
    let table = try build(bound) { (number) throws(IndexError) in
      let outcome = try Merge.run(
        plan, inputs, to: directory, number: number, bitsPerName: bits, rules: rules,
        keepOn: keepOn)
      isEnded = outcome == nil
      return outcome?.table
    }
    if isEnded { return false }
    try replace(inputs, by: table)
    indexCounters.mergeReadBytes.add(plan.inputs.reduce(0) { $0 + $1.fileBytes })
    indexCounters.mergeWrittenBytes.add(table?.summary.fileBytes ?? 0)
    return true
  }

  /// What may be let go of, as of now: what is dead stays dead.
  private func rules(isWhole: Bool) -> Merge.Rules {
    let now = clock.wallMillis()
    let live = keeper.table.live
    let alive = namespaces.ids
    return Merge.Rules(
      drop: { namespace, record in
        if !alive.contains(namespace) { return .namespaceRetired }
        guard record.kind == .page else { return nil }
        if !live.contains(record.location.segment) { return .deadSegment }
        return record.expirySeconds != 0 && now / 1000 >= record.expirySeconds ? .expired : nil
      },
      dropTombstonesBelow: manifest.state.lastBirth + 1,
      census: { census in
        census.limited(at: now / 1000) { live.contains($0) && alive.contains($1) }
      }, isWhole: isWhole)
  }

  private func replace(_ inputs: [Table], by table: Table?) throws(IndexError) {
    var edits = inputs.map { ManifestEdit.removeTable($0.number) }
    if let table { edits.append(.addTable(table.summary)) }
    try manifest.commit(edits)
    install { $0.merged(inputs, to: table) }
    let disk = keeper.disk
    for input in inputs { input.retire { disk.release(DiskLedger.rounded($0)) } }
  }
}
