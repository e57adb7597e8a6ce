// Work that nobody waits for, as plain functions: the group commit, sealing, flushing, making room
// ahead of need, merging. `BackgroundThreads` calls them; so may a test.

internal import Logging
internal import VarveBase

extension Engine {
  func startThreads() {
    // A simulation calls the steps itself, when its seed says so.
    guard configuration.simulation == nil else { return }
    threads.start(
      syncMillis: configuration.syncIntervalMillis, mergers: configuration.mergeThreads,
      BackgroundThreads.Work(
        sync: { [weak self] in self?.syncStep() },
        index: { [weak self] in self?.flushStep() },
        merge: { [weak self] in self?.mergeStep() }))
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

  /// Everything that keeps segments and index in order, one after the other.
  package func indexStep() {
    flushStep()
    mergeStep()
  }

  /// One turn of the index thread.
  func flushStep() {
    do {
      try log.sealFull()
      try keeper.makeRoomAhead()
      fingerprints.step()
    } catch {
      logger.error("sealing or evicting failed: \(error)")
    }
    do {
      guard try index.flush(self, onlyFull: true) else { return }
      counters.flushes.add()
      threads.wakeMergers()
    } catch {
      logger.error("a flush failed, and is tried again: \(error)")
    }
  }

  /// One turn of a merge thread: step by step, until there is none that others are not at.
  func mergeStep() {
    do {
      while let step = try index.mergeOnce() {
        if case .merge = step { counters.merges.add() }
      }
    } catch {
      logger.error("a merge failed, and is tried again: \(error)")
    }
  }
}
