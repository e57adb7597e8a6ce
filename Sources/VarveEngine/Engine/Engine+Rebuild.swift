// `varvectl rebuild-index`: manifest and index made anew from the segments, offline.

package import Logging
package import VarveBase
package import VarveFile

/// What a rebuild found.
package struct RebuildReport: Equatable, Sendable {
  package var namespaces: [String] = []
  package var segments = 0
  package var pages: UInt64 = 0
  package var pageBytes: UInt64 = 0
  /// Segments that were missing or could not be read.
  package var segmentsLost: UInt64 = 0
  /// Pages of unsealed segments that were never whole.
  package var pagesDropped: UInt64 = 0
}

extension Engine {
  /// Throws manifest and tables away and makes them again; takes the directory's lock for it.
  ///
  /// - Parameter acceptCleared: where both namespace tables are lost, take the names from the
  ///   segments; pages of namespaces that were cleared or dropped may come back. Without it that
  ///   is `.damaged`, and nothing was changed.
  package static func rebuildIndex(
    _ directory: String, files: any FileSystem, clock: any Clock, logger: Logger,
    acceptCleared: Bool
  ) throws(EngineOpenError) -> RebuildReport {
    // No bound of the disk here: what lies there is to be found, not to be evicted.
    var configuration = EngineConfiguration(directory: directory, capacityBytes: 1 << 60)
    configuration.segmentBytes = try segmentBytes(of: directory, files)
    configuration.minFreeBytes = 0
    configuration.arenaBytes = 1 << 20
    configuration.ioThreads = 1
    let opening = EngineOpening(
      configuration: configuration, files: files, clock: clock,
      ledger: MemoryLedger(limitBytes: 2 << 30), logger: logger, rebuilds: true,
      acceptsCleared: acceptCleared)
    let engine = try open(opening)
    defer { engine.close() }
    do throws(EngineError) {
      try engine.flush()
    } catch {
      throw .io(path: directory, what: "\(error)")
    }
    let numbers = engine.statistics()
    var report = RebuildReport()
    report.namespaces = engine.namespaces().map(\.name)
    report.segments = numbers.segments.count
    report.pages = numbers.pages
    report.pageBytes = numbers.pageBytes
    report.segmentsLost = engine.counters.recoverySegmentsLost.current
    report.pagesDropped = engine.counters.recoveryPagesDropped.current
    return report
  }

  /// The least size of a segment that the largest file there fits in.
  private static func segmentBytes(
    of directory: String, _ files: any FileSystem
  ) throws(EngineOpenError) -> UInt32 {
    let folder = directory + "/segments"
    do throws(FileError) {
      var largest: UInt64 = 0
      for name in try files.list(folder) where SegmentFormat.number(fileName: name) != nil {
        largest = max(largest, try files.size(folder + "/" + name))
      }
      var bytes = UInt64(Limits.segmentBytesMin)
      while bytes < largest, bytes < UInt64(Limits.segmentBytesMax) { bytes *= 2 }
      return UInt32(bytes)
    } catch {
      throw .io(path: folder, what: "\(error)")
    }
  }
}
