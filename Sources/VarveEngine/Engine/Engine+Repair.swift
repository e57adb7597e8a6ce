// After a failed fdatasync: what was not synced leaves the index, what was deleted stays deleted.
// (The kernel may have thrown the bytes away and say so only once, so nothing is synced again.)

internal import Logging
internal import VarveBase

extension Engine {
  /// Failed syncs whose losses are out of the index. What was read from the index when this was as
  /// high as the failures there are now is durable after a sync that saw no further failure.
  var repairedFailures: UInt64 { repairs.withLock { $0 } }

  /// Takes lost pages out of the index and appends lost control entries again; waits for a repair
  /// under way. Every sync that is answered to somebody begins with it.
  func repairLost() throws(EngineError) {
    try repairs.withLock { (repaired) throws(EngineError) in
      let failures = log.syncFailures
      let lost = log.takeLost()
      if !lost.isEmpty {
        do throws(EngineError) {
          try repair(lost)
        } catch {
          becomeReadOnly("what a failed sync lost cannot be taken out of the index: \(error)")
          throw error
        }
      }
      repaired = failures
    }
  }

  /// The words are logged as well: the segment's tail may be found whole at the next start, after
  /// clients were told that its pages are absent.
  private func repair(_ lost: [ScannedExtent]) throws(EngineError) {
    try removals.withLock { (_) throws(EngineError) in
      var dead: [PageRecord] = []
      for page in lost.flatMap(\.pages) {
        let found = try storage { () throws(IndexError) in try index.snapshot().find(page.name) }
        if case .page(let current) = found, current.location == page.location { dead.append(page) }
      }
      let first = takeSequences(dead.count)
      let entries = dead.enumerated().map { index, page in
        ControlEntry(
          kind: .quarantine, name: page.name, sequence: first + UInt64(index), place: page.place)
      }
      let again = lost.flatMap(\.controls)
      guard !entries.isEmpty || !again.isEmpty else { return }
      do throws(LogError) {
        _ = try log.append(controls: again + entries) {
          index.delete(
            zip(entries, dead).map { entry, page in
              (Tombstone(name: entry.name, sequence: entry.sequence, place: entry.place), page)
            })
          for page in dead { keeper.uncount(page) }
        }
      } catch {
        throw refused(error)
      }
      counters.syncPagesLost.add(dead.count)
      logger.error("\(dead.count) pages left the index: their sync failed")
    }
  }
}
