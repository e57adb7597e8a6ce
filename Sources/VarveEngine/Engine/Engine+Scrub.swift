// Scrubbing: everything stored is read again past every cache and verified, at a bounded rate. What
// is bad is counted, logged and taken out of service.

internal import Logging
internal import VarveBase

/// What a scrub found.
package struct ScrubCounts: Equatable, Sendable {
  package var segments: UInt64 = 0
  /// Pages whose bytes were read and judged.
  package var pagesChecked: UInt64 = 0
  /// Of these, pages whose bytes are not the ones put, or that the disk did not give.
  package var pagesBad: UInt64 = 0
  /// Of these, taken out of service now.
  package var pagesQuarantined: UInt64 = 0
  /// Extent headers, footers and segment headers that do not verify. Their pages are judged all the
  /// same, by what the index says of them.
  package var headersBad: UInt64 = 0
  package var bytesRead: UInt64 = 0

  package init() {}

  var result: [String: UInt64] {
    [
      "segments_checked": segments, "pages_checked": pagesChecked, "pages_bad": pagesBad,
      "pages_quarantined": pagesQuarantined, "headers_bad": headersBad, "bytes_read": bytesRead,
    ]
  }
}

extension Engine {
  /// Reads every page of every segment that lives now and verifies it. What is put from now on was
  /// verified a moment ago and is not waited for. Holds no lock while it reads or waits.
  ///
  /// - Parameters:
  ///   - bytesPerSecond: nil: as fast as the disk gives it.
  ///   - progress: told at least ten times a second; false ends the scrub.
  /// - Throws: `.readMemoryExhausted`, `.closed`; damage is counted, not thrown.
  @discardableResult
  package func scrub(
    bytesPerSecond: Double?, progress: (WorkProgress) -> Bool
  ) throws(EngineError) -> ScrubCounts {
    guard !isClosed else { throw .closed }
    guard ledger.reserve(Limits.scrubReadBytes, for: .request) else {
      throw .readMemoryExhausted(limit: ledger.limitBytes)
    }
    defer { ledger.release(Limits.scrubReadBytes, for: .request) }
    let alive = namespaceTable.ids
    let now = nowSeconds
    let segments = keeper.table.all().map { number, entry in
      (number: number, bytes: UInt64(clamping: entry.live(at: now, in: alive).bytes))
    }
    logger.notice("a scrub of \(segments.count) segments begins")
    let counts = try withoutActuallyEscaping(progress) { progress throws(EngineError) in
      var scrub = Scrub(
        self, bytesPerSecond: bytesPerSecond, total: segments.reduce(0) { $0 + $1.bytes },
        progress: progress)
      try scrub.run(segments)
      return scrub.counts
    }
    logger.notice(
      "the scrub has ended: \(counts.pagesChecked) pages read, \(counts.pagesBad) bad")
    return counts
  }
}
