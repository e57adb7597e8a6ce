// Crashes of the machine in the middle of a log's life: nothing synced is lost, nothing served is
// wrong.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct LogCrashTests {
  /// What is wrong with the clone of a crash; empty when it holds what it must.
  private func problems(
    _ disk: MemoryFileSystem, synced: [PageRecord], written: [PageRecord]
  ) throws -> [String] {
    var problems: [String] = []
    let found = try scanAll(disk, "/data").flatMap { $0.extents.flatMap(\.pages) }
    let births = Set(found.map(\.birth))
    for record in synced where !births.contains(record.birth) {
      problems.append("a synced page is lost: \(record.location)")
    }
    let known = Dictionary(uniqueKeysWithValues: written.map { ($0.birth, $0) })
    for page in found {
      if known[page.birth] != page { problems.append("a page nobody wrote: \(page.location)") }
      let bytes = try pageBytes(disk, "/data", page.location)
      if bytes.map(XXH3.hash) != page.location.checksum {
        problems.append("wrong bytes are served: \(page.location)")
      }
    }
    return problems
  }

  private func check(
    _ disk: MemoryFileSystem, synced: [PageRecord], written: [PageRecord]
  ) throws {
    let problems = try problems(disk, synced: synced, written: written)
    #expect(problems.isEmpty)
  }

  @Test func nothingSyncedIsLostAndNothingWrongIsServed() throws {
    var dice = StoreDice.seeded("logCrash")
    for round in 0..<25 {
      let files = try memoryDisk()
      let host = StoreHost()
      let log = makeLog(files, "/data", host)
      let buffer = ExtentBuffer(payloadBytesMax: 512 << 10)
      var written: [PageRecord] = []
      var synced: [PageRecord] = []
      for _ in 0..<10 + dice.below(30) {
        let pages = dice.fill(buffer, count: 1 + dice.below(32), bytesMax: 16_000)
        let receipt = try log.append(buffer, pages: pages)
        written += records(pages, receipt)
        switch dice.below(6) {
        case 0:
          try log.waitSynced(receipt.sequence)
          synced = written
        case 1: try log.sealFull()
        default: break
        }
      }
      for survival in [
        CrashSurvival.none, .all, .random(seed: dice.next(), percent: 20),
        .random(seed: dice.next(), percent: 50), .random(seed: dice.next(), percent: 95),
      ] {
        try check(files.crashClone(survival), synced: synced, written: written)
      }
      if round % 5 == 0 {
        try log.close(sealing: round % 10 == 0)
        try check(files.crashClone(.none), synced: written, written: written)
      }
    }
  }

  /// The same, at a moment when other threads are in the middle of everything.
  @Test func crashesUnderLoad() throws {
    let seed = StoreDice.seeded("crashUnderLoad").seedForThreads
    let files = try memoryDisk()
    let host = StoreHost()
    let log = makeLog(files, "/data", host)
    let written = Locked<[PageRecord]>([])
    let durable = Locked<[PageRecord]>([])
    let clones = Locked<[(MemoryFileSystem, [PageRecord])]>([])
    inParallel(4) { index in
      var dice = StoreDice(seed: seed &+ UInt64(index))
      let buffer = ExtentBuffer(payloadBytesMax: 512 << 10)
      do {
        for round in 0..<40 {
          let pages = dice.fill(buffer, count: 1 + dice.below(16), bytesMax: 16_000)
          let receipt = try log.append(buffer, pages: pages)
          let made = records(pages, receipt)
          written.withLock { $0 += made }
          if dice.below(3) == 0 {
            try log.waitSynced(receipt.sequence)
            durable.withLock { $0 += made }
          }
          if round % 8 == 3 { try log.sealFull() }
          if index == 0, round % 5 == 0 {
            let promised = durable.withLock { $0 }
            let clone = files.crashClone(.random(seed: dice.next(), percent: 50))
            clones.withLock { $0.append((clone, promised)) }
          }
        }
      } catch { Issue.record("\(error)") }
    }
    let all = written.withLock { $0 }
    for (clone, promised) in clones.withLock({ $0 }) {
      try check(clone, synced: promised, written: all)
    }
  }

  /// The canary: on a disk whose sync does nothing, the same check must find losses.
  @Test func theCheckCatchesADiskThatDoesNotSync() throws {
    var dice = StoreDice.seeded("canary")
    let faults = StoreFaults(try memoryDisk())
    faults.state.update { $0.liesAboutSync = true }
    let host = StoreHost()
    let log = makeLog(faults, "/data", host)
    let buffer = ExtentBuffer(payloadBytesMax: 512 << 10)
    var written: [PageRecord] = []
    for _ in 0..<20 {
      let pages = dice.fill(buffer, count: 8, bytesMax: 16_000)
      written += records(pages, try log.append(buffer, pages: pages))
    }
    try log.sync()
    let clone = faults.inner.crashClone(.random(seed: dice.next(), percent: 50))
    #expect(try !problems(clone, synced: written, written: written).isEmpty)
  }

  /// A write that failed halfway leaves a header that checks before payloads that do not.
  @Test func whatAFailedWriteLeftIsNotServed() throws {
    var dice = StoreDice.seeded("failedHalfway")
    let faults = StoreFaults(try memoryDisk())
    let host = StoreHost()
    let log = makeLog(faults, "/data", host)
    let buffer = ExtentBuffer(payloadBytesMax: 512 << 10)
    var written: [PageRecord] = []
    for round in 0..<6 {
      let pages = dice.fill(buffer, count: 32, bytesMax: 16_000)
      let fails = round == 2
      faults.state.update { state in
        state.failWrite = fails ? Errno.noSpace : nil
        state.failsHalfway = fails
      }
      if fails {
        #expect(throws: LogError.noSpace) { try log.append(buffer, pages: pages) }
      } else {
        written += records(pages, try log.append(buffer, pages: pages))
      }
      try log.sync()
    }
    // What did arrive whole of the failed extent may be served; nothing else of it.
    let found = try scanAll(faults.inner.crashClone(.none), "/data").flatMap {
      $0.extents.flatMap(\.pages)
    }
    for page in found {
      let bytes = try pageBytes(faults.inner, "/data", page.location)
      #expect(bytes.map(XXH3.hash) == page.location.checksum)
    }
    #expect(written.allSatisfy(found.contains))
    try log.close(sealing: true)
    let sealed = try scanAll(faults.inner, "/data", check: .all)
    #expect(sealed.flatMap { $0.extents.flatMap(\.pages) } == written)
  }
}
