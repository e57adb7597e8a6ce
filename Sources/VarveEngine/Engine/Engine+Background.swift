// Work that nobody waits for, as plain functions: the group commit, sealing, flushing, merging,
// making room ahead of need. `BackgroundThreads` calls them; so may a test.

internal import Logging
internal import VarveBase

extension Engine {
  func startThreads() {
    // A simulation calls the steps itself, when its seed says so.
    guard configuration.simulation == nil else { return }
    threads.start(
      syncMillis: configuration.syncIntervalMillis,
      sync: { [weak self] in self?.syncStep() },
      index: { [weak self] in self?.indexStep() })
  }

  // MARK: - Group commit

  /// Runs `waiter` once everything appended so far is on the disk (false: it never will be).
  func whenSynced(_ waiter: @escaping @Sendable (Bool) -> Void) {
    syncWaiters.add(waiter)
    threads.wakeSyncer()
  }

  /// Everything appended so far is on the disk when this returns.
  func syncNow() throws(EngineError) {
    let started = clock.monotonicNanos()
    do {
      try log.sync()
    } catch {
      throw refused(error)
    }
    syncNanos.record(nanos: clock.monotonicNanos() - started)
  }

  /// One turn of the sync thread.
  package func syncStep() {
    let waiters = syncWaiters.take()
    guard !waiters.isEmpty || log.unsyncedBytes > 0 else { return }
    do {
      try syncNow()
      for waiter in waiters { waiter(true) }
    } catch {
      for waiter in waiters { waiter(false) }
      becomeReadOnly("the log cannot be synced: \(error)")
    }
  }

  // MARK: - Index and segments

  /// One turn of the index thread.
  package func indexStep() {
    do {
      try log.sealFull()
      try keeper.makeRoomAhead()
    } catch {
      logger.error("sealing or evicting failed: \(error)")
    }
    do {
      if try index.flush(self, onlyFull: true) { counters.flushes.add() }
      while try index.mergeOnce() { counters.merges.add() }
    } catch {
      logger.error("a flush or a merge failed, and is tried again: \(error)")
    }
  }
}
