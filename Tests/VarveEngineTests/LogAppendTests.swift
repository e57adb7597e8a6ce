// What the value log promises to those who append, sync and seal.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct LogAppendTests {
  @Test(arguments: StoreDisk.allCases)
  func fourThreadsAppendAndTheScanFindsAll(_ disk: StoreDisk) throws {
    let (files, directory, keep) = try disk.make()
    defer { withExtendedLifetime(keep) {} }
    let seed = StoreDice.seeded("fourThreads")
    let host = StoreHost()
    let log = makeLog(files, directory, host)
    let all = Locked<[PageRecord]>([])
    let controls = Locked<[ControlEntry]>([])
    inParallel(4) { index in
      var dice = seed
      for _ in 0...index { dice = StoreDice(seed: dice.next()) }
      let buffer = ExtentBuffer(payloadBytesMax: 256 << 10)
      do {
        for round in 0..<30 {
          let pages = dice.fill(buffer, count: 1 + dice.below(32), bytesMax: 10_000)
          let receipt = try log.append(buffer, pages: pages)
          all.withLock { $0 += records(pages, receipt) }
          if round % 5 == 0 {
            let entries = (0..<1 + dice.below(100)).map { _ in dice.control() }
            _ = try log.append(controls: entries)
            controls.withLock { $0 += entries }
          }
          if round % 7 == 0 { try log.waitSynced(receipt.sequence) }
          if round % 10 == 9 { try log.sealFull() }
        }
      } catch { Issue.record("\(error)") }
    }
    try log.close(sealing: true)
    #expect(log.unsyncedBytes == 0)
    #expect(log.segmentsInUse.isEmpty)
    let scans = try scanAll(files, directory, check: .all)
    #expect(scans.allSatisfy { $0.source == .footer && $0.pagesDropped == 0 })
    let birth = { (left: PageRecord, right: PageRecord) in left.birth < right.birth }
    let found = scans.flatMap { $0.extents.flatMap(\.pages) }
    #expect(found.sorted(by: birth) == all.withLock { $0 }.sorted(by: birth))
    let words = scans.flatMap { $0.extents.flatMap(\.controls) }
    #expect(
      words.sorted { $0.sequence < $1.sequence }
        == controls.withLock { $0 + $0 }.sorted { $0.sequence < $1.sequence })
    #expect(host.sealed.count == scans.count)
    #expect(host.sealed.reduce(0) { $0 + $1.pageCount } == found.count)
    for listing in try SegmentListing.list(files, directory: directory) {
      #expect(listing.fileBytes <= UInt64(Limits.segmentBytesMin))
    }
  }

  @Test func aSegmentFileNeverPassesItsBound() throws {
    // Many namespaces and tiny extents make the footer as large as it gets.
    let files = try memoryDisk()
    let host = StoreHost()
    let log = makeLog(files, "/data", host)
    var dice = StoreDice.seeded("bound")
    let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    while host.sealed.count < 2 {
      _ = try log.append(
        buffer, pages: dice.fill(buffer, count: 32, bytesMax: 300, namespaces: 2000))
      try log.sealFull()
    }
    for summary in host.sealed {
      #expect(summary.fileBytes <= UInt64(Limits.segmentBytesMin))
      #expect(summary.fileBytes > UInt64(Limits.segmentBytesMin / 2))
    }
  }

  @Test func aPageOfHalfASegmentFitsAndTwiceThatDoesNot() throws {
    let files = try memoryDisk()
    let host = StoreHost()
    let log = makeLog(files, "/data", host)
    let half = ValueLog.pageBytesMax(segmentBytes: Limits.segmentBytesMin)
    let buffer = ExtentBuffer(payloadBytesMax: 2 * half)
    let page = { (count: Int) in
      PendingPage(
        name: PageName(namespace: 1, id: .zero), birth: 1, rawBytes: UInt32(count), checksum: 0,
        putMillis: 0, expirySeconds: 0, place: WindowPlace(firstAfter: .zero), payloadOffset: 0)
    }
    for _ in 0..<3 { _ = try log.append(buffer, pages: [page(half)]) }
    // The largest extent that fits an empty segment: blocks of segment header, extent header,
    // footer and trailer taken off.
    let most = Limits.segmentBytesMin - 4 * 4096
    _ = try log.append(buffer, pages: [page(most)])
    let error = #expect(throws: LogError.self) { try log.append(buffer, pages: [page(most + 1)]) }
    guard case .tooLarge(let bytes, let bytesMax)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(bytes > bytesMax)
    try log.close(sealing: true)
    #expect(host.sealed.count == 4)
    #expect(host.sealed.allSatisfy { $0.fileBytes <= UInt64(Limits.segmentBytesMin) })
    #expect(host.sealed.last?.fileBytes == UInt64(Limits.segmentBytesMin))
  }

  @Test func noRoomIsToldAndTheLogGoesOn() throws {
    let files = try memoryDisk()
    let host = StoreHost(room: 0)
    let log = makeLog(files, "/data", host)
    var dice = StoreDice.seeded("noRoom")
    let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    let pages = dice.fill(buffer, count: 4, bytesMax: 1000)
    #expect(throws: LogError.noSpace) { try log.append(buffer, pages: pages) }
    host.state.withLock { $0.room = 1 }
    _ = try log.append(buffer, pages: pages)
    #expect(log.openSegment == 1)
  }

  @Test func aFailedWriteIsAHoleAndOthersGoOn() throws {
    let faults = StoreFaults(try memoryDisk())
    let host = StoreHost()
    let log = makeLog(faults, "/data", host)
    var dice = StoreDice.seeded("failedWrite")
    let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    let first = dice.fill(buffer, count: 4, bytesMax: 1000)
    var kept = records(first, try log.append(buffer, pages: first))
    for errno in [Errno.noSpace, Errno.inputOutput] {
      faults.state.update { $0.failWrite = errno }
      let pages = dice.fill(buffer, count: 4, bytesMax: 1000)
      let error = #expect(throws: LogError.self) { try log.append(buffer, pages: pages) }
      if errno == Errno.noSpace {
        #expect(error == .noSpace)
      } else if case .file(.system(.write, let path, errno, _))? = error {
        #expect(path == SegmentFormat.path("/data", 1))
      } else {
        Issue.record("\(String(describing: error))")
      }
      faults.state.update { $0.failWrite = nil }
      let more = dice.fill(buffer, count: 4, bytesMax: 1000)
      kept += records(more, try log.append(buffer, pages: more))
    }
    #expect(log.openSegment == 2, "a bad spot is left behind, a full disk is not")
    #expect(log.replayPosition().segment == 2)
    try log.sync()
    #expect(log.unsyncedBytes == 0)
    try log.close(sealing: true)
    let found = try scanAll(faults, "/data", check: .all)
    #expect(found.flatMap { $0.extents.flatMap(\.pages) } == kept)
  }

  @Test func aFailedSyncLosesWhatItHadToCoverAndTheSecondIsFinal() throws {
    let faults = StoreFaults(try memoryDisk())
    let host = StoreHost()
    let clock = ManualClock()
    let log = ValueLog(
      faults, directory: "/data", segmentBytes: Limits.segmentBytesMin, bootID: BootID(1, 2),
      clock: clock, host: host)
    var dice = StoreDice.seeded("failedSync")
    let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    let pages = dice.fill(buffer, count: 4, bytesMax: 1000)
    let synced = try log.append(buffer, pages: pages)
    try log.sync()
    for round in 1...2 {
      let lost = try log.append(buffer, pages: pages)
      faults.state.update { $0.failSync = true }
      #expect(throws: LogError.self) { try log.waitSynced(lost.sequence) }
      #expect(throws: LogError.self, "asked again") { try log.waitSynced(lost.sequence) }
      faults.state.update { $0.failSync = false }
      #expect(log.isSynced(synced.sequence) && !log.isSynced(lost.sequence))
      try log.waitSynced(synced.sequence)
      #expect(log.takeLost().flatMap(\.pages).map(\.location) == lost.locations)
      #expect(!log.hasLost && log.unsyncedBytes == 0 && log.failure == nil)
      // Writing goes on in a new segment, whose syncs are asked for.
      let next = try log.append(buffer, pages: pages)
      #expect(next.segment > lost.segment)
      try log.waitSynced(next.sequence)
      #expect(log.syncFailures == UInt64(round))
      clock.advance(millis: Limits.syncFailureNanosMax / 1_000_000)
    }
    clock.advance(millis: Limits.syncFailureNanosMax / 1_000_000)
    for _ in 0..<2 {
      _ = try log.append(buffer, pages: pages)
      faults.state.update { $0.failSync = true }
      #expect(throws: LogError.self) { try log.sync() }
      faults.state.update { $0.failSync = false }
    }
    let count = faults.state.peek { $0.syncCount }
    #expect(throws: LogError.self) { try log.append(buffer, pages: pages) }
    #expect(throws: LogError.self) { try log.append(controls: [dice.control()]) }
    #expect(faults.state.peek { $0.syncCount } == count, "a failed fsync is never tried again")
    guard case .syncFailed? = log.failure else {
      Issue.record("\(String(describing: log.failure))")
      return
    }
  }

  @Test func replayPositionWaitsForTheSlowestAndForApply() throws {
    let faults = StoreFaults(try memoryDisk())
    let host = StoreHost()
    let log = makeLog(faults, "/data", host)
    var dice = StoreDice.seeded("replayPosition")
    let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    let pages = dice.fill(buffer, count: 4, bytesMax: 1000)
    let first = try log.append(buffer, pages: pages) { receipt in
      #expect(log.replayPosition() < LogPosition(segment: 1, offset: receipt.endOffset))
    }
    let afterFirst = LogPosition(segment: 1, offset: first.endOffset)
    #expect(log.replayPosition() == afterFirst)
    faults.state.update { $0.holdWrites = true }
    let slow = Locked<AppendReceipt?>(nil)
    let slowBuffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    let slowPages = dice.fill(slowBuffer, count: 4, bytesMax: 1000)
    let thread = NamedThread("slow") {
      let receipt = try? log.append(slowBuffer, pages: slowPages)
      slow.withLock { $0 = receipt }
    }
    _ = faults.state.wait { $0.heldWrites == 1 ? true : nil }
    #expect(log.replayPosition() == afterFirst)
    #expect(log.completedSequence == first.sequence)
    // A sync does not wait for the write under way, nor does waiting for the first append.
    try log.waitSynced(first.sequence)
    #expect(try log.sync() == first.sequence)
    #expect(log.unsyncedBytes > 0)
    faults.state.update { $0.holdWrites = false }
    thread.join()
    let receipt = try #require(slow.withLock { $0 })
    #expect(log.replayPosition() == LogPosition(segment: 1, offset: receipt.endOffset))
    #expect(try log.sync() == receipt.sequence)
  }

  @Test func unsyncedBytesStayBelowTheirBound() throws {
    let files = try memoryDisk()
    let host = StoreHost()
    let log = makeLog(files, "/data", host, segmentBytes: 64 << 20)
    let buffer = ExtentBuffer(payloadBytesMax: Limits.extentPayloadBytesMax)
    let page = PendingPage(
      name: PageName(namespace: 1, id: .zero), birth: 1,
      rawBytes: UInt32(Limits.extentPayloadBytesMax), checksum: 0, putMillis: 0,
      expirySeconds: 0, place: WindowPlace(firstAfter: .zero), payloadOffset: 0)
    var syncsBefore: UInt64 = 0
    for round in 1...6 {
      _ = try log.append(buffer, pages: [page])
      #expect(log.unsyncedBytes <= Limits.unsyncedBytesMax)
      if round == 3 { syncsBefore = log.counters.syncs.current }
    }
    #expect(syncsBefore == 0, "three extents fit without a sync")
    #expect(log.counters.syncs.current > 0)
  }

  @Test func aPageLargerThanTheUnsyncedBoundGoesAloneAndInParts() throws {
    let faults = StoreFaults(try memoryDisk())
    let host = StoreHost()
    let log = makeLog(faults, "/data", host, segmentBytes: Limits.segmentBytesMax)
    let count = 80 << 20
    let buffer = ExtentBuffer(payloadBytesMax: count)
    let checksum = unsafe XXH3.hash(
      UnsafeRawBufferPointer(buffer.payload(offset: 0, count: count)))
    let page = PendingPage(
      name: PageName(namespace: 1, id: .zero), birth: 1, rawBytes: UInt32(count),
      checksum: checksum, putMillis: 0, expirySeconds: 0,
      place: WindowPlace(firstAfter: .zero), payloadOffset: 0)
    let receipt = try log.append(buffer, pages: [page])
    #expect(faults.state.peek { $0.syncCount } == 3, "header; parts of 32 MiB, synced between")
    try log.waitSynced(receipt.sequence)
    let scans = try scanAll(faults, "/data", check: .all)
    #expect(scans[0].pageCount == 1 && scans[0].pagesDropped == 0)
  }

  @Test func callersShareSyncs() throws {
    let faults = StoreFaults(try memoryDisk())
    let host = StoreHost()
    let log = makeLog(faults, "/data", host, segmentBytes: 64 << 20)
    let seed = StoreDice.seeded("shareSyncs").seedForThreads
    inParallel(8) { index in
      var dice = StoreDice(seed: UInt64(index) &+ seed)
      let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
      for _ in 0..<20 {
        let pages = dice.fill(buffer, count: 1, bytesMax: 1000)
        do {
          let receipt = try log.append(buffer, pages: pages)
          try log.waitSynced(receipt.sequence)
          #expect(log.isSynced(receipt.sequence))
        } catch { Issue.record("\(error)") }
      }
    }
    // One is the header's.
    #expect(faults.state.peek { $0.syncCount } <= 161)
    #expect(log.unsyncedBytes == 0)
    #expect(log.syncedSequence == 160)
  }

  @Test func aPageThatIsThereCanBeWaitedForByItsPlace() throws {
    let faults = StoreFaults(try memoryDisk())
    let host = StoreHost()
    let log = makeLog(faults, "/data", host)
    var dice = StoreDice.seeded("waitByPlace")
    let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    let pages = dice.fill(buffer, count: 4, bytesMax: 1000)
    let receipt = try log.append(buffer, pages: pages)
    let location = receipt.locations[receipt.locations.count - 1]
    try log.waitSynced(location)
    #expect(log.isSynced(receipt.sequence))
    let count = faults.state.peek { $0.syncCount }
    try log.waitSynced(location)
    var older = location
    older.segment = 0
    try log.waitSynced(older)
    #expect(faults.state.peek { $0.syncCount } == count, "what is durable costs no sync")
  }

  @Test func aClosedLogRefuses() throws {
    let files = try memoryDisk()
    let host = StoreHost()
    let log = makeLog(files, "/data", host)
    var dice = StoreDice.seeded("closed")
    let buffer = ExtentBuffer(payloadBytesMax: 64 << 10)
    let pages = dice.fill(buffer, count: 1, bytesMax: 1000)
    _ = try log.append(buffer, pages: pages)
    try log.close(sealing: false)
    #expect(throws: LogError.closed) { try log.append(buffer, pages: pages) }
    let after = files.crashClone(.none)
    #expect(try scanAll(after, "/data").first?.pageCount == 1, "closing synced")
  }
}

extension StoreDice {
  var seedForThreads: UInt64 {
    var copy = self
    return copy.next()
  }
}
