// Giving full segments their footers, and closing.

internal import VarveBase
internal import VarveFile

extension ValueLog {
  /// The open segment takes no more; `sealFull` will seal it.
  package func roll() { state.update { $0.closeOpen() } }

  /// A full segment waits for its footer.
  package var hasFull: Bool { state.peek { !$0.full.isEmpty } }

  /// Seals every full segment: waits for its writes, syncs, writes the footer, syncs it, tells the
  /// host. For a background thread; a second caller waits for the first.
  ///
  /// A footer that cannot be written leaves its segment unsealed, to be tried again.
  package func sealFull() throws(LogError) {
    while let number = nextFull() {
      do throws(LogError) {
        try seal(number)
      } catch {
        state.update { $0.isSealing = false }
        throw error
      }
    }
  }

  private func nextFull() -> UInt64? {
    let next = state.wait { state -> UInt64?? in
      if state.isSealing { return nil }
      guard let first = state.full.first else { return .some(nil) }
      state.isSealing = true
      return .some(first)
    }
    return next ?? nil
  }

  private func seal(_ number: UInt64) throws(LogError) {
    _ = state.wait { ($0.segments[number]?.writingCount ?? 0) == 0 ? true : nil }
    // The footer is written only after what it covers is durable.
    try sync()
    guard let segment = state.peek({ $0.segments[number] }) else {
      // A failed sync took it: it stays without a footer.
      return state.update { $0.isSealing = false }
    }
    var footer = Footer()
    footer.extents = segment.extents.sorted { $0.offset < $1.offset }
    for id in segment.namespaces {
      if let name = host.namespaceName(id) { footer.namespaces[id] = name }
    }
    let summary: SegmentSummary
    do throws(LogError) {
      summary = try SegmentSealer.seal(
        segment.file, segment.header, footer, segment.totals, at: segment.endOffset)
    } catch {
      // What the footer covers was synced: only the footer is lost.
      if case .syncFailed(let cause) = error { syncFailed(number, cause) { _ in } }
      throw error
    }
    counters.syncs.add()
    precondition(summary.fileBytes <= UInt64(segmentBytes), "a segment stays within its bound")
    state.update { state in
      state.sealed(number)
      state.isSealing = false
    }
    counters.sealed.add()
    host.segmentSealed(summary)
  }

  /// Ends the log: appends are refused from now, those under way finish, everything is synced.
  ///
  /// - Parameter sealing: true gives the open segment its footer as well; false leaves it to be
  ///   scanned at the next start.
  package func close(sealing: Bool) throws(LogError) {
    state.update { $0.isClosed = true }
    _ = state.wait { $0.writing.isEmpty && !$0.isAdmitting ? true : nil }
    if sealing {
      roll()
      try sealFull()
    } else {
      try sync()
    }
  }
}
