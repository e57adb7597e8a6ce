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
  ///
  /// - Parameter repaired: `repairedFailures` from before the caller looked at what it waits for. A
  ///   sync that failed since may have taken that along.
  func whenSynced(
    since repaired: UInt64, _ waiter: @escaping @Sendable (Bool) -> Void
  ) {
    syncWaiters.add { [log] synced in waiter(synced && log.syncFailures == repaired) }
    threads.wakeSyncer()
  }

  /// Everything appended so far is on the disk when this returns.
  func syncNow() throws(EngineError) {
    let started = clock.monotonicNanos()
    let failures = log.syncFailures
    try repairLost()
    do {
      try log.sync()
    } catch {
      throw refused(error)
    }
    // One more in between may have taken what the caller means, before this sync began.
    guard log.syncFailures == failures else { throw .storage("a sync failed meanwhile") }
    syncNanos.record(nanos: clock.monotonicNanos() - started)
  }

  /// One turn of the sync thread.
  package func syncStep() {
    let waiters = syncWaiters.take()
    guard !waiters.isEmpty || log.unsyncedBytes > 0 || log.hasLost else { return }
    do {
      try syncNow()
      for waiter in waiters { waiter(true) }
    } catch {
      for waiter in waiters { waiter(false) }
      if isWritable { logger.error("a group commit failed: \(error)") }
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
