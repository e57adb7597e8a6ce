// The bound of the data directory, moved while the store runs. It holds until the store is closed:
// the next start takes it from the configuration again.

internal import Logging
internal import VarveBase
internal import VarveFile

extension Engine {
  /// The least capacity of this store: eight of its segments, whose size does not change while it
  /// runs.
  package var capacityBytesMin: UInt64 {
    UInt64(configuration.segmentBytesInForce) * UInt64(Limits.segmentsMin)
  }

  /// Moves the bound; lowered, the oldest segments go until the store is within it. Blocks for
  /// that.
  ///
  /// - Parameter minFree: what the file system must still have free once the store has grown so
  ///   far; 0 asks nothing.
  /// - Parameter segmentsMax: how many there are descriptors for.
  /// - Returns: capacity and blocks in use now. More blocks than capacity: readers hold on to
  ///   victims, or nothing more can go; nothing is taken until it fits.
  package func setCapacity(
    _ bytes: UInt64, minFree: UInt64 = 0, segmentsMax: UInt64 = .max
  ) throws(EngineError) -> (capacityBytes: UInt64, diskBytes: UInt64) {
    guard !isClosed else { throw .closed }
    guard bytes >= capacityBytesMin, bytes <= Limits.capacityBytesMax else {
      throw .capacityOutOfRange(
        asked: bytes, least: capacityBytesMin, most: Limits.capacityBytesMax)
    }
    return try resizing.withLock { (_) throws(EngineError) in
      let old = keeper.disk.capacity
      if bytes > old {
        if minFree > 0 { try checkFree(bytes, minFree) }
        let segment = UInt64(configuration.segmentBytesInForce)
        guard (bytes + segment - 1) / segment <= segmentsMax else {
          throw .capacityOverDescriptors(asked: bytes, most: segmentsMax * segment)
        }
      }
      // A store that writes nothing drops nothing either: its manifest cannot be told.
      if bytes < old { try checkWritable() }
      keeper.disk.setCapacity(bytes)
      logger.notice("the capacity is \(bytes) bytes now, it was \(old)")
      do throws(LogError) {
        if try !keeper.shrink() {
          logger.warning("the store is over its new capacity and cannot shrink further now")
        }
      } catch {
        throw refused(error)
      }
      let usage = DiskUsage(files, directory: configuration.directory)
      return (bytes, usage.totalBytes + keeper.closing())
    }
  }

  private func checkFree(_ bytes: UInt64, _ minFree: UInt64) throws(EngineError) {
    let free: UInt64
    do {
      free = try files.freeBytes(configuration.directory)
    } catch {
      throw .storage("\(error)")
    }
    let used = DiskUsage(files, directory: configuration.directory).totalBytes
    let room = free > minFree ? free - minFree : 0
    guard bytes <= used + room else {
      throw .capacityOverDisk(asked: bytes, most: used + room, minFree: minFree)
    }
  }
}
