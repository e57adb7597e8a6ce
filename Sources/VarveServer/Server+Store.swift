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
      let aside = "\(path).aside-\(clock.wallMillis() / 1000)"
      try files.rename(path, to: aside)
      logger.notice("the store was moved aside", metadata: ["to": "\(aside)"])
      withExtendedLifetime(lock) {}
    } catch {
      if case .locked(let lock, _) = error { throw .locked(path: lock) }
      throw .io(path: path, what: "\(error)")
    }
  }

  /// `min_free`: what the store may still grow must leave that much on its file system.
  func checkFree(_ engine: Engine) throws(EngineOpenError) {
    let path = configuration.dataDirectory
    let free: UInt64
    do {
      free = try files.freeBytes(path)
    } catch {
      throw .io(path: path, what: "\(error)")
    }
    let used = engine.statistics().diskBytes
    let growth = configuration.capacityBytes > used ? configuration.capacityBytes - used : 0
    guard configuration.minFreeBytes > 0 else {
      if growth > free {
        logger.warning(
          "the file system has less free than the capacity may take: puts will answer NO_SPACE",
          metadata: ["free": "\(free)", "growth": "\(growth)"])
      }
      return
    }
    let (needed, overflow) = growth.addingReportingOverflow(configuration.minFreeBytes)
    guard !overflow, needed <= free else {
      throw .configuration(
        "capacity \(configuration.capacityBytes) leaves less than min_free "
          + "\(configuration.minFreeBytes) on the file system of \(path): \(free) bytes are free "
          + "and the store may still grow by \(growth)")
    }
  }
}
