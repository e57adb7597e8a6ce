// What the server does to the data directory around the engine's opening.

package import VarveEngine
internal import Logging
internal import VarveBase
internal import VarveFile

extension Server {
  /// `--start-empty`: the directory is renamed, nothing in it is touched. Refused while another
  /// daemon holds it.
  package func moveStoreAside() throws(EngineOpenError) {
    let path = configuration.dataDirectory
    do throws(FileError) {
      guard try files.exists(path) else { return }
      let lock = try files.lockFile(path + "/LOCK")
      // A path that ends in a slash would put it inside itself.
      var name = path
      while name.count > 1, name.hasSuffix("/") { name.removeLast() }
      let aside = "\(name).aside-\(clock.wallMillis())"
      try files.rename(path, to: aside)
      logger.notice("the store was moved aside", metadata: ["to": "\(aside)"])
      withExtendedLifetime(lock) {}
    } catch {
      if case .locked(let lock, _) = error { throw .locked(path: lock) }
      throw .io(path: path, what: "\(error)")
    }
  }

  /// Segments that the descriptors of this process suffice for.
  func segmentsMax() -> UInt64 {
    let others = DescriptorNeed(segments: 0, connections: UInt64(configuration.connectionsMax))
    let allowed = ProcessLimits.openFilesHard()
    return allowed > others.total ? allowed - others.total : 0
  }

  /// Says so when the capacity cannot be had without passing `min_free`. The start goes on: reads
  /// are served, and the engine evicts and refuses puts to keep it.
  func checkFree(_ engine: Engine) throws(EngineOpenError) {
    let path = configuration.dataDirectory
    let free: UInt64
    let total: UInt64
    do {
      free = try files.freeBytes(path)
      total = try files.totalBytes(path)
    } catch {
      throw .io(path: path, what: "\(error)")
    }
    let kept =
      configuration.minFreeBytes > 0
      ? configuration.minFreeBytes : total / 100 * Limits.minFreePercent
    let used = engine.statistics().diskBytes
    let growth = configuration.capacityBytes > used ? configuration.capacityBytes - used : 0
    let (needed, overflow) = growth.addingReportingOverflow(kept)
    guard overflow || needed > free else { return }
    logger.warning(
      "the file system has less free than capacity and min_free take: puts will answer NO_SPACE",
      metadata: ["free": "\(free)", "growth": "\(growth)", "min_free": "\(kept)"])
  }
}
