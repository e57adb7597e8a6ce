// The page arena against a model, at its edges, and under several threads.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

/// A log with pages in it, and readers over its segments.
final class ArenaFixture: Sendable {
  let files: StoreFaults
  let pages: [PageRecord]
  private let host = StoreHost()
  private let gone = Locked<Set<UInt64>>([])

  init(_ dice: inout StoreDice, extents: Int, bytesMax: Int, hasDirect: Bool = true) throws {
    files = StoreFaults(try memoryDisk(hasDirect: hasDirect))
    let log = makeLog(files, "/data", host)
    let buffer = ExtentBuffer(payloadBytesMax: 1 << 20)
    var all: [PageRecord] = []
    for _ in 0..<extents {
      let pages = dice.fill(buffer, count: 1 + dice.below(32), bytesMax: bytesMax)
      all += records(pages, try log.append(buffer, pages: pages))
    }
    try log.close(sealing: true)
    pages = all
  }

  func drop(_ segment: UInt64) { gone.withLock { _ = $0.insert(segment) } }

  func reader(_ segment: UInt64) throws(LogError) -> SegmentReader? {
    if gone.withLock({ $0.contains(segment) }) { return nil }
    return try SegmentReader.open(files, directory: "/data", number: segment)
  }

  func bytes(_ location: Location) throws -> [UInt8]? {
    try pageBytes(files.inner, "/data", location)
  }

  var reads: Int { files.state.peek { $0.readCount } }
}

@Suite struct ArenaTests {
  @Test(arguments: [true, false])
  func whatIsLeasedIsWhatWasPut(_ hasDirect: Bool) throws {
    var dice = StoreDice.seeded("whatIsLeased")
    let fixture = try ArenaFixture(&dice, extents: 20, bytesMax: 150_000, hasDirect: hasDirect)
    let ledger = MemoryLedger(limitBytes: 64 << 20)
    let arena = try PageArena(byteCount: 32 << 20, ledger: ledger, pretouch: .now)
    for round in 0..<2 {
      for page in fixture.pages {
        let lease = try arena.lease(page.location, readers: fixture.reader)
        #expect(lease.byteCount == Int(page.location.rawBytes))
        #expect(try lease.copy() == fixture.bytes(page.location), "round \(round)")
      }
      arena.state.peek { $0.checkInvariants() }
    }
    #expect(arena.misses.current >= UInt64(fixture.pages.count))
    #expect(ledger.bytes(of: .arena) == 32 << 20)
  }

  @Test func aBatchIsReadWithFewReads() throws {
    var dice = StoreDice.seeded("fewReads")
    let fixture = try ArenaFixture(&dice, extents: 4, bytesMax: 30_000)
    let arena = try PageArena(
      byteCount: 32 << 20, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    var locations = fixture.pages.map(\.location)
    let bytes = locations.reduce(0) { $0 + Int($1.storedBytes) }
    locations.shuffle(using: &dice)
    let before = fixture.reads
    let results = arena.lease(batch: locations, readers: fixture.reader)
    let reads = fixture.reads - before
    #expect(reads <= bytes / Limits.joinedReadBytesMax + 2, "\(reads) reads for \(bytes) bytes")
    for (location, result) in zip(locations, results) {
      #expect(try result.get().copy() == fixture.bytes(location))
    }
    let again = arena.lease(batch: locations, readers: fixture.reader)
    #expect(fixture.reads - before == reads, "the second batch reads nothing")
    #expect(again.allSatisfy { (try? $0.get()) != nil })
  }

  @Test func randomLeasesAgreeWithTheModel() throws {
    var dice = StoreDice.seeded("arenaModel")
    for chunks in [1, 2, 5, 16] {
      let fixture = try ArenaFixture(&dice, extents: 6, bytesMax: 200_000)
      let ledger = MemoryLedger(limitBytes: chunks * Limits.arenaChunkBytes + (8 << 20))
      let arena = try PageArena(
        byteCount: chunks * Limits.arenaChunkBytes, ledger: ledger, pretouch: .now)
      var held: [(PageLease, [UInt8])] = []
      for _ in 0..<400 {
        switch dice.below(10) {
        case 0..<4:
          let count = 1 + dice.below(8)
          let batch = (0..<count).map { _ in
            fixture.pages[dice.below(fixture.pages.count)].location
          }
          let results = arena.lease(batch: batch, readers: fixture.reader)
          for (location, result) in zip(batch, results) {
            switch result {
            case .success(let lease):
              held.append((lease, try #require(try fixture.bytes(location))))
            case .failure(.memoryExhausted): break
            case .failure(let error): Issue.record("\(error)")
            }
          }
        case 4..<8:
          if !held.isEmpty {
            let (lease, bytes) = held.remove(at: dice.below(held.count))
            #expect(lease.copy() == bytes, "leased bytes do not change")
            lease.release()
            if dice.below(2) == 0 { lease.release() }
          }
        case 8:
          let location = fixture.pages[dice.below(fixture.pages.count)].location
          let bytes = try #require(try fixture.bytes(location))
          unsafe bytes.withUnsafeBytes { unsafe arena.insertCopy(location, $0) }
        default: arena.dropSegment(UInt64(1 + dice.below(2)))
        }
        arena.state.peek { $0.checkInvariants() }
      }
      for (lease, bytes) in held { #expect(lease.copy() == bytes) }
      held = []
      #expect(ledger.bytes(of: .request) == 0, "every one-off was given back")
      arena.state.peek { $0.checkInvariants() }
    }
  }

  @Test func onePageIsReadOnceForManyReaders() throws {
    var dice = StoreDice.seeded("oneLoad")
    let fixture = try ArenaFixture(&dice, extents: 3, bytesMax: 100_000)
    let arena = try PageArena(
      byteCount: 32 << 20, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    let locations = fixture.pages.map(\.location)
    let seed = dice.next()
    inParallel(8) { index in
      var dice = StoreDice(seed: seed &+ UInt64(index))
      // Each in its own order: batches that want each other's pages must not stop each other.
      for batch in [locations.shuffled(using: &dice), locations.shuffled(using: &dice)] {
        for (location, result) in zip(batch, arena.lease(batch: batch, readers: fixture.reader)) {
          do {
            let lease = try result.get()
            #expect(try lease.copy() == fixture.bytes(location))
          } catch { Issue.record("\(error)") }
        }
      }
    }
    #expect(arena.misses.current == UInt64(locations.count), "each page was read once")
    #expect(arena.hits.current == UInt64(15 * locations.count))
    arena.state.peek { $0.checkInvariants() }
  }

  @Test func aFlippedBitIsCorruptionAndNeverCached() throws {
    var dice = StoreDice.seeded("arenaCorrupt")
    let fixture = try ArenaFixture(&dice, extents: 4, bytesMax: 50_000)
    let arena = try PageArena(
      byteCount: 8 << 20, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    let victim = fixture.pages[dice.below(fixture.pages.count)].location
    let bit = Int(victim.offset) * 8 + dice.below(Int(victim.storedBytes) * 8)
    let path = SegmentFormat.path("/data", victim.segment)
    fixture.files.inner.flipBit(bit, of: path)
    let batch = fixture.pages.map(\.location)
    for (location, result) in zip(batch, arena.lease(batch: batch, readers: fixture.reader)) {
      switch result {
      case .success(let lease): #expect(try lease.copy() == fixture.bytes(location))
      case .failure(.corrupt(let segment, let offset, let expected, let found)):
        #expect(location == victim && segment == victim.segment && offset == victim.offset)
        #expect(expected == victim.checksum && found != expected)
      case .failure(let error): Issue.record("\(error)")
      }
    }
    #expect(arena.corruptions.current == 1)
    #expect(throws: PageReadError.self) { try arena.reread(victim, readers: fixture.reader) }
    fixture.files.inner.flipBit(bit, of: path)
    _ = try arena.lease(victim, readers: fixture.reader)
    try arena.reread(victim, readers: fixture.reader)
    arena.state.peek { $0.checkInvariants() }
  }

  @Test func aReadErrorTakesNoNeighbourAlong() throws {
    var dice = StoreDice.seeded("arenaReadError")
    let fixture = try ArenaFixture(&dice, extents: 2, bytesMax: 50_000)
    let arena = try PageArena(
      byteCount: 8 << 20, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    let first = fixture.pages.filter { $0.location.segment == 1 }.map(\.location)
    let bad = first[first.count / 2]
    let limit = UInt64(bad.offset + bad.storedBytes + 4095) / 4096 * 4096
    fixture.files.state.update { $0.failReadsFrom = limit }
    var failed = 0
    for (location, result) in zip(first, arena.lease(batch: first, readers: fixture.reader)) {
      let end = (UInt64(location.offset) + UInt64(location.storedBytes) + 4095) / 4096 * 4096
      switch result {
      case .success(let lease):
        #expect(end <= limit)
        #expect(try lease.copy() == fixture.bytes(location))
      case .failure(.log(.file)):
        #expect(end > limit)
        failed += 1
      case .failure(let error): Issue.record("\(error)")
      }
    }
    #expect(failed > 0 && failed < first.count)
    fixture.files.state.update { $0.failReadsFrom = nil }
    for location in first { _ = try arena.lease(location, readers: fixture.reader) }
  }

  @Test func droppedSegmentsAreGoneButLeasesStay() throws {
    var dice = StoreDice.seeded("arenaDrop")
    let fixture = try ArenaFixture(&dice, extents: 2, bytesMax: 50_000)
    let arena = try PageArena(
      byteCount: 8 << 20, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    let location = fixture.pages[0].location
    let lease = try arena.lease(location, readers: fixture.reader)
    fixture.drop(location.segment)
    #expect(try arena.lease(location, readers: fixture.reader).byteCount == lease.byteCount)
    arena.dropSegment(location.segment)
    #expect(throws: PageReadError.segmentGone(location.segment)) {
      try arena.lease(location, readers: fixture.reader)
    }
    #expect(try lease.copy() == fixture.bytes(location))
    #expect(arena.usedBytes > 0)
    lease.release()
    #expect(arena.usedBytes == 0)
    arena.state.peek { $0.checkInvariants() }
  }

  @Test func hotPagesOutliveAScan() throws {
    var dice = StoreDice.seeded("arenaScan")
    let fixture = try ArenaFixture(&dice, extents: 30, bytesMax: 60_000)
    let arena = try PageArena(
      byteCount: 40 * Limits.arenaChunkBytes, ledger: MemoryLedger(limitBytes: 64 << 20),
      pretouch: .now)
    let hot = fixture.pages[0..<4].map(\.location)
    for _ in 0..<3 { _ = arena.lease(batch: hot, readers: fixture.reader) }
    for (index, page) in fixture.pages.enumerated().dropFirst(4) {
      _ = try arena.lease(page.location, readers: fixture.reader)
      if index % 10 == 0 { _ = arena.lease(batch: hot, readers: fixture.reader) }
    }
    let before = arena.misses.current
    _ = arena.lease(batch: hot, readers: fixture.reader)
    #expect(arena.misses.current == before)
    #expect(arena.evictedCount > 0)
  }

  @Test func aWrongLocationIsAnErrorNotAnAnswer() throws {
    var dice = StoreDice.seeded("arenaWrong")
    let fixture = try ArenaFixture(&dice, extents: 2, bytesMax: 50_000)
    let arena = try PageArena(
      byteCount: 8 << 20, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    let good = fixture.pages[0].location
    _ = try arena.lease(good, readers: fixture.reader)
    var wrong = good
    wrong.checksum ^= 1
    #expect(throws: PageReadError.self) { try arena.lease(wrong, readers: fixture.reader) }
    var beyond = good
    beyond.offset = UInt32(Limits.segmentBytesMin)
    #expect(throws: PageReadError.cutOff(segment: 1, offset: beyond.offset)) {
      try arena.lease(beyond, readers: fixture.reader)
    }
    beyond.offset = .max
    #expect(throws: PageReadError.self) { try arena.lease(beyond, readers: fixture.reader) }
    var coded = good
    coded.codec = PageCodec.planes
    #expect(throws: PageReadError.unsupportedCodec(PageCodec.planes)) {
      try arena.lease(coded, readers: fixture.reader)
    }
    var huge = good
    huge.rawBytes = .max
    huge.storedBytes = .max
    #expect(throws: PageReadError.self) { try arena.lease(huge, readers: fixture.reader) }
    #expect(try arena.lease(good, readers: fixture.reader).copy() == fixture.bytes(good))
    arena.state.peek { $0.checkInvariants() }
  }

  @Test func pagesLargerThanTheArenaAreServedFromRequestMemory() throws {
    var dice = StoreDice.seeded("arenaOneOff")
    let fixture = try ArenaFixture(&dice, extents: 3, bytesMax: 900_000)
    let arenaBytes = Limits.arenaChunkBytes
    let big = try #require(
      fixture.pages.first { Int($0.location.rawBytes) > 2 * arenaBytes }?.location)
    let needed = LoadTarget.blockBytes(big)
    for (spare, works) in [(needed, true), (needed - 1, false)] {
      let ledger = MemoryLedger(limitBytes: arenaBytes + spare)
      let arena = try PageArena(byteCount: arenaBytes, ledger: ledger, pretouch: .now)
      if works {
        let lease = try arena.lease(big, readers: fixture.reader)
        #expect(try lease.copy() == fixture.bytes(big))
        #expect(ledger.bytes(of: .request) == needed)
        lease.release()
      } else {
        #expect(throws: PageReadError.memoryExhausted(bytes: needed)) {
          try arena.lease(big, readers: fixture.reader)
        }
      }
      #expect(ledger.bytes(of: .request) == 0)
    }
  }

  @Test func anArenaOverTheBudgetIsRefused() throws {
    let ledger = MemoryLedger(limitBytes: Limits.arenaChunkBytes)
    #expect(throws: PageReadError.memoryExhausted(bytes: 2 * Limits.arenaChunkBytes)) {
      try PageArena(byteCount: 2 * Limits.arenaChunkBytes, ledger: ledger)
    }
    var arena: PageArena? = try PageArena(
      byteCount: Limits.arenaChunkBytes, ledger: ledger, pretouch: .inBackground)
    let state = try #require(arena?.state)
    _ = state.wait { $0.chunkCount == 1 ? true : nil }
    arena = nil
    // The background thread may hold the arena for the moment of its last look.
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + 5_000_000_000
    while ledger.totalBytes != 0, clock.monotonicNanos() < deadline {}
    #expect(ledger.totalBytes == 0)
  }
}
