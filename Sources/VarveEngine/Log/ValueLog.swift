// The value log: extents of verified pages, appended to segments in the order their space was
// reserved, written by whichever thread brings them. It is its own write-ahead log. Stands between
// the engine (which decides when there is room) and the file layer.

package import VarveBase
package import VarveFile

/// Appends, syncs and seals. Blocking: call it from I/O threads.
///
/// Lock order: the log's lock is a leaf; the host is called without it.
package final class ValueLog: Sendable {
  let files: any FileSystem
  let directory: String
  let segmentBytes: Int
  let clock: any Clock
  /// Owns the log, and so outlives it.
  unowned let host: any SegmentHost
  let counters: LogCounters
  let state: Monitor<LogState>
  private let bootID: BootID
  private let makeSalt: @Sendable () -> UInt64

  /// - Parameters:
  ///   - directory: of the segment files; it exists.
  ///   - segmentBytes: bound of a segment file.
  ///   - start: end of what recovery found; appends go to new segments behind it.
  ///   - salt: random numbers, one a segment.
  package init(
    _ files: any FileSystem, directory: String, segmentBytes: Int, bootID: BootID,
    clock: any Clock, host: any SegmentHost, counters: LogCounters = LogCounters(),
    start: LogPosition = .start,
    salt: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
  ) {
    precondition(
      segmentBytes >= Limits.segmentBytesSimulatedMin && segmentBytes <= Limits.segmentBytesMax
        && segmentBytes % Limits.blockBytes == 0, "segment size \(segmentBytes)")
    self.files = files
    self.directory = directory
    self.segmentBytes = segmentBytes
    self.bootID = bootID
    self.clock = clock
    self.host = host
    self.counters = counters
    makeSalt = salt
    state = Monitor(LogState(start: start))
  }

  /// Largest page of a namespace: half a segment.
  package static func pageBytesMax(segmentBytes: Int) -> Int { segmentBytes / 2 }

  /// Largest payload of an extent of several pages. Any page up to `pageBytesMax` is let through
  /// alone.
  package static func extentPayloadBytesMax(segmentBytes: Int) -> Int {
    min(Limits.extentPayloadBytesMax, segmentBytes / 2)
  }

  // MARK: Appending

  /// Writes the pages of `buffer` as one extent and returns where they lie. Several threads may
  /// append at once; none waits for another's write.
  ///
  /// - Parameters:
  ///   - pages: ascending by payload offset, not overlapping, 1 … 32.
  ///   - apply: runs once the bytes are written, before `replayPosition` moves past them. Put the
  ///     records into the memtable there: a flush in between would claim what it does not hold.
  package func append(
    _ buffer: ExtentBuffer, pages: [PendingPage], apply: (AppendReceipt) -> Void = { _ in }
  ) throws(LogError) -> AppendReceipt {
    var payloadBytes = 0
    for page in pages {
      precondition(page.payloadOffset >= payloadBytes, "pages overlap or are not in order")
      precondition(page.rawBytes > 0, "a page has bytes")
      payloadBytes = page.payloadOffset + Int(page.rawBytes)
    }
    var header = ExtentHeader.draft(
      .pages, entries: ExtentEntries.encode(pages), entryCount: pages.count,
      payloadBytes: payloadBytes)
    let slot = try reserve(
      header.count, payloadBytes: payloadBytes, namespaces: Set(pages.map(\.name.namespace)))
    let receipt = try write(
      buffer, &header, payloadBytes, slot, births: pages.map(\.birth)
    ) { payloadOffset in
      pages.map { page in
        Location(
          segment: slot.position.segment, offset: UInt32(payloadOffset + page.payloadOffset),
          rawBytes: page.rawBytes, storedBytes: page.rawBytes, checksum: page.checksum)
      }
    }
    apply(receipt)
    state.update { $0.applied(receipt.sequence) }
    return receipt
  }

  /// Logs control entries, in extents of up to 48. The receipt is the last extent's: waiting for it
  /// waits for all.
  ///
  /// Every extent is written twice, one behind the other: until a footer or a table repeats a
  /// delete, one damaged block must not bring its page back. (A page that is lost is only a miss.)
  /// Where one of the two cannot be written, the other counts.
  ///
  /// - Parameter apply: called once the entries are in the log, and also before a throw where some
  ///   of them are: the next start would find those in force.
  package func append(
    controls: [ControlEntry], apply: () -> Void = {}
  ) throws(LogError) -> AppendReceipt {
    precondition(!controls.isEmpty, "there is something to log")
    let buffer = ExtentBuffer(payloadBytesMax: Limits.blockBytes)
    var receipts: [AppendReceipt] = []
    defer {
      if !receipts.isEmpty { apply() }
      let sequences = receipts.map(\.sequence)
      state.update { state in for sequence in sequences { state.applied(sequence) } }
    }
    var start = 0
    while start < controls.count {
      let end = min(start + Limits.extentControlsMax, controls.count)
      receipts += try log(controls[start..<end], buffer)
      start = end
    }
    guard let last = receipts.last else { preconditionFailure("one extent at least") }
    return last
  }

  /// One receipt for every copy that was written; throws where none was.
  private func log(
    _ controls: ArraySlice<ControlEntry>, _ buffer: ExtentBuffer
  ) throws(LogError) -> [AppendReceipt] {
    let entries = ExtentEntries.encode(Array(controls))
    let namespaces = Set(controls.map(\.name.namespace))
    var receipts: [AppendReceipt] = []
    var failure: LogError?
    for _ in 0..<Limits.controlCopies {
      do throws(LogError) {
        var header = ExtentHeader.draft(
          .controls, entries: entries, entryCount: controls.count, payloadBytes: 0)
        let slot = try reserve(header.count, payloadBytes: 0, namespaces: namespaces)
        receipts.append(
          try write(buffer, &header, 0, slot, births: controls.map(\.sequence)) { _ in [] })
      } catch {
        failure = error
      }
    }
    if receipts.isEmpty, let failure { throw failure }
    return receipts
  }

  /// Puts place and checksum into the header, writes the extent, books it.
  private func write(
    _ buffer: ExtentBuffer, _ header: inout [UInt8], _ payloadBytes: Int, _ slot: LogSlot,
    births: [UInt64], locations: (Int) -> [Location]
  ) throws(LogError) -> AppendReceipt {
    ExtentHeader.complete(
      &header, position: slot.position, syncedUpTo: slot.syncedUpTo, salt: slot.salt)
    do throws(LogError) {
      try unsafe write(buffer.extent(header: header, payloadBytes: payloadBytes), slot)
      guard
        let parsed = try ExtentHeader(
          header.rawSpan, position: slot.position, salt: slot.salt, path: slot.file.path)
      else { preconditionFailure("a header written reads back") }
      let (isWritten, error) = state.update {
        ($0.written(slot, header: header, births: births, parsed: parsed), $0.syncError)
      }
      if !isWritten, let error { throw .file(error) }
    } catch {
      counters.failures.add()
      state.update { state in
        state.failed(slot)
        // A bad spot on the disk: the next append tries elsewhere. (Full disks are the host's.)
        if case .file = error, state.open == slot.position.segment { state.closeOpen() }
      }
      if case .syncFailed(let cause) = error {
        syncFailed(slot.position.segment, cause) { _ in }
      }
      throw error
    }
    counters.appends.add()
    counters.appendedBytes.add(slot.byteCount)
    return AppendReceipt(
      sequence: slot.sequence, segment: slot.position.segment,
      endOffset: slot.position.offset + UInt64(slot.byteCount),
      locations: locations(Int(slot.position.offset) + SegmentFormat.padded(header.count)))
  }

  /// One write; an extent that alone passes the bound of unsynced bytes goes in parts, synced
  /// between.
  private func write(_ pieces: [UnsafeRawBufferPointer], _ slot: LogSlot) throws(LogError) {
    let (first, isWhole) = unsafe (pieces[0], pieces.count == 1)
    if isWhole { return try unsafe write(first, slot) }
    precondition(slot.byteCount <= Limits.unsyncedBytesMax, "an extent in chunks is a small one")
    do throws(FileError) {
      try unsafe slot.file.writeVector(pieces, at: slot.position.offset)
    } catch { throw error.isNoSpace ? .noSpace : .file(error) }
  }

  private func write(_ bytes: UnsafeRawBufferPointer, _ slot: LogSlot) throws(LogError) {
    let partBytes =
      bytes.count <= Limits.unsyncedBytesMax
      ? bytes.count : Limits.unsyncedBytesMax / 2
    var done = 0
    while done < bytes.count {
      if done > 0 {
        do throws(FileError) { try slot.file.sync() } catch { throw .syncFailed(error) }
        counters.syncs.add()
      }
      let end = min(done + partBytes, bytes.count)
      try unsafe writePart(
        UnsafeRawBufferPointer(rebasing: bytes[done..<end]), slot.file,
        slot.position.offset + UInt64(done))
      done = end
    }
  }

  private func writePart(
    _ bytes: UnsafeRawBufferPointer, _ file: any File, _ offset: UInt64
  ) throws(LogError) {
    do throws(FileError) {
      try unsafe file.write(bytes, at: offset)
    } catch { throw error.isNoSpace ? .noSpace : .file(error) }
  }

  // MARK: Space

  private enum Step {
    case slot(LogSlot)
    case fail(LogError)
    case admit
    case waitForAdmission
    case sync
    case waitForWrites
  }

  /// Takes space for an extent, in order. Moves on to a new segment when the open one is full, and
  /// syncs first when too much is unsynced.
  private func reserve(
    _ headerUsed: Int, payloadBytes: Int, namespaces: Set<UInt32>
  ) throws(LogError) -> LogSlot {
    let byteCount = SegmentFormat.padded(headerUsed) + SegmentFormat.padded(payloadBytes)
    let names = namespaces.count * Footer.perNamespaceBytesMax
    let footer = Footer.fixedBytes + Footer.perExtentBytes + headerUsed + names
    let room =
      segmentBytes - SegmentHeader.byteCount - SegmentTrailer.byteCount
      - SegmentFormat.padded(footer)
    guard byteCount <= room else { throw .tooLarge(bytes: byteCount, bytesMax: room) }
    while true {
      let step = state.update { state in
        self.step(&state, byteCount, headerUsed, namespaces)
      }
      switch step {
      case .slot(let slot): return slot
      case .fail(let error): throw error
      case .admit: try admitSegment()
      case .waitForAdmission: _ = state.wait { $0.isAdmitting ? nil : true }
      case .sync: try sync()
      case .waitForWrites:
        _ = state.wait { state -> Bool? in
          let fits =
            state.unsyncedBytes == 0
            || state.unsyncedBytes + byteCount <= Limits.unsyncedBytesMax
          return fits || !state.dirty.isEmpty || state.failure != nil ? true : nil
        }
      }
    }
  }

  private func step(
    _ state: inout LogState, _ byteCount: Int, _ headerUsed: Int, _ namespaces: Set<UInt32>
  ) -> Step {
    if let failure = state.failure { return .fail(failure) }
    if state.isClosed { return .fail(.closed) }
    if state.unsyncedBytes > 0, state.unsyncedBytes + byteCount > Limits.unsyncedBytesMax {
      // What is written can be synced; what is being written can only be waited for.
      return state.dirty.isEmpty ? .waitForWrites : .sync
    }
    if let slot = state.take(
      byteCount, headerUsed: headerUsed, namespaces: namespaces, segmentBytes: segmentBytes)
    {
      return .slot(slot)
    }
    if state.isAdmitting { return .waitForAdmission }
    state.closeOpen()
    state.isAdmitting = true
    return .admit
  }

  /// Asks the host for a number and makes the file. One thread at a time, by `isAdmitting`.
  private func admitSegment() throws(LogError) {
    do throws(LogError) {
      let number = try host.admitSegment()
      let segment: WriteSegment
      do throws(LogError) {
        segment = try makeSegment(number)
      } catch {
        host.segmentFailed(number)
        throw error
      }
      state.update { state -> Void in
        precondition(number > state.end.segment, "segment numbers rise and are never reused")
        state.segments[number] = segment
        state.open = number
        state.end = LogPosition(segment: number, offset: segment.endOffset)
        state.isAdmitting = false
      }
    } catch {
      state.update { $0.isAdmitting = false }
      throw error
    }
  }

  private func makeSegment(_ number: UInt64) throws(LogError) -> WriteSegment {
    let path = SegmentFormat.path(directory, number)
    let header = SegmentHeader(
      number: number, bootID: bootID, createdMillis: clock.wallMillis(), salt: makeSalt())
    let block = AlignedBuffer(byteCount: SegmentHeader.byteCount)
    unsafe block.mutableBytes.copyBytes(from: header.encoded())
    let file = try fileCall { () throws(FileError) in
      try files.open(path, .create(direct: true))
    }
    do throws(FileError) {
      // The memory must outlive the write; its last mention would not see to that.
      try withExtendedLifetime(block) { () throws(FileError) in
        try unsafe file.write(block.bytes, at: 0)
      }
      // The name is durable from here.
      try files.syncDirectory(directory)
    } catch {
      // Ours, new and empty: what cannot be used is not left lying (where even that fails, the next
      // start finds a file without extents).
      try? files.remove(path)
      throw error.isNoSpace ? .noSpace : .file(error)
    }
    do throws(FileError) {
      // Before any extent is behind it, so that a crash cannot take the header and leave extents: a
      // file that looks so is damaged, and is kept for whoever wants to know why.
      try file.sync()
    } catch {
      // Nothing was in it yet, so nothing is lost.
      try? files.remove(path)
      throw .file(error)
    }
    return WriteSegment(file: file, header: header)
  }
}
