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

/// A batch's lease and which of its pages is meant.
struct PageOfLease {
  let lease: ArenaLease
  let number: Int

  var page: ArenaLease.Page { lease.pages[number] }

  func get() throws -> PageOfLease {
    if case .failed(let error) = page { throw error }
    return self
  }

  func copy() -> [UInt8] {
    guard case .here(let range) = page else { return [] }
    var bytes: [UInt8] = []
    for index in range { unsafe bytes.append(contentsOf: lease.pieces[index]) }
    return bytes
  }
}

extension PageArena {
  func pages(_ batch: [Location], _ readers: ReaderOf) -> [PageOfLease] {
    guard let lease = lease(batch, for: .engine, readers: readers) else {
      preconditionFailure("shares do not bind the engine")
    }
    return batch.indices.map { PageOfLease(lease: lease, number: $0) }
  }

  /// Nil where it is not given.
  func hot(_ batch: [Location]) -> ArenaLease? {
    try? leaseHot(batch, for: .engine).get()
  }

  func page(_ location: Location, _ readers: ReaderOf) throws -> PageOfLease {
    try pages([location], readers)[0].get()
  }
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
        let lease = try arena.page(page.location, fixture.reader)
        #expect(lease.copy().count == Int(page.location.rawBytes))
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
    let results = arena.pages(locations, fixture.reader)
    let reads = fixture.reads - before
    #expect(reads <= bytes / Limits.joinedReadBytesMax + 2, "\(reads) reads for \(bytes) bytes")
    for (location, result) in zip(locations, results) {
      #expect(try result.get().copy() == fixture.bytes(location))
    }
    let again = arena.pages(locations, fixture.reader)
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
      var held: [(PageOfLease, [UInt8])] = []
      for _ in 0..<400 {
        switch dice.below(10) {
        case 0..<4:
          let count = 1 + dice.below(8)
          let batch = (0..<count).map { _ in
            fixture.pages[dice.below(fixture.pages.count)].location
          }
          let results = arena.pages(batch, fixture.reader)
          for (location, result) in zip(batch, results) {
            switch result.page {
            case .here: held.append((result, try #require(try fixture.bytes(location))))
            case .failed(.memoryExhausted): break
            case .failed(let error): Issue.record("\(error)")
            }
          }
        case 4..<8:
          if !held.isEmpty {
            let (lease, bytes) = held.remove(at: dice.below(held.count))
            #expect(lease.copy() == bytes, "leased bytes do not change")
          }
        case 8:
          let location = fixture.pages[dice.below(fixture.pages.count)].location
          let bytes = try #require(try fixture.bytes(location))
          unsafe bytes.withUnsafeBytes { unsafe arena.insertCopy(location, of: 1, $0) }
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
        for (location, result) in zip(batch, arena.pages(batch, fixture.reader)) {
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

  @Test func aHotLeaseIsAllOrNothing() throws {
    var dice = StoreDice.seeded("arenaHot")
    let fixture = try ArenaFixture(&dice, extents: 4, bytesMax: 100_000)
    let arena = try PageArena(
      byteCount: 32 << 20, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    let locations = fixture.pages.map(\.location)
    let last = try #require(locations.last)
    _ = arena.pages(Array(locations.dropLast()), fixture.reader)
    let idle = arena.state.peek { $0.evictableChunks }
    let (reads, hits) = (fixture.reads, arena.hits.current)
    #expect(arena.hot(locations) == nil, "the last page was never read")
    #expect(arena.state.peek { $0.evictableChunks } == idle, "and nothing was taken")
    #expect(arena.hits.current == hits)
    // A page that is being read is not there yet.
    let loading = arena.state.update { $0.insert(last, of: 1, skew: LoadTarget.skew(last)) }
    #expect(arena.hot([last]) == nil)
    arena.state.update { state in
      if let loading {
        state.finish(loading, .segmentGone(last.segment))
        state.release(CollectionOfOne(loading))
      }
    }
    _ = try arena.page(last, fixture.reader)
    var lease = arena.hot(locations)
    #expect(fixture.reads == reads + 1, "the only read was the last page's")
    for (number, location) in locations.enumerated() {
      let page = try PageOfLease(lease: #require(lease), number: number)
      #expect(try page.copy() == fixture.bytes(location))
    }
    var wrong = last
    wrong.checksum ^= 1
    #expect(arena.hot([wrong]) == nil, "memory does not answer for an index that errs")
    #expect(arena.state.peek { $0.evictableChunks } == 0)
    lease = nil
    #expect(arena.state.peek { $0.evictableChunks } > 0)
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
    for (location, result) in zip(batch, arena.pages(batch, fixture.reader)) {
      switch result.page {
      case .here: #expect(try result.copy() == fixture.bytes(location))
      case .failed(.corrupt(let segment, let offset, let expected, let found)):
        #expect(location == victim && segment == victim.segment && offset == victim.offset)
        #expect(expected == victim.checksum && found != expected)
      case .failed(let error): Issue.record("\(error)")
      }
    }
    #expect(arena.corruptions.current == 1)
    #expect(throws: PageReadError.self) { try arena.reread(victim, readers: fixture.reader) }
    fixture.files.inner.flipBit(bit, of: path)
    _ = try arena.page(victim, fixture.reader)
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
    for (location, result) in zip(first, arena.pages(first, fixture.reader)) {
      let end = (UInt64(location.offset) + UInt64(location.storedBytes) + 4095) / 4096 * 4096
      switch result.page {
      case .here:
        #expect(end <= limit)
        #expect(try result.copy() == fixture.bytes(location))
      case .failed(.log(.file)):
        #expect(end > limit)
        failed += 1
      case .failed(let error): Issue.record("\(error)")
      }
    }
    #expect(failed > 0 && failed < first.count)
    fixture.files.state.update { $0.failReadsFrom = nil }
    for location in first { _ = try arena.page(location, fixture.reader) }
  }

  @Test func droppedSegmentsAreGoneButLeasesStay() throws {
    var dice = StoreDice.seeded("arenaDrop")
    let fixture = try ArenaFixture(&dice, extents: 2, bytesMax: 50_000)
    let arena = try PageArena(
      byteCount: 8 << 20, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    let location = fixture.pages[0].location
    var lease: PageOfLease? = try arena.page(location, fixture.reader)
    fixture.drop(location.segment)
    #expect(try arena.page(location, fixture.reader).copy() == lease?.copy())
    arena.dropSegment(location.segment)
    #expect(throws: PageReadError.segmentGone(location.segment)) {
      try arena.page(location, fixture.reader)
    }
    #expect(try lease?.copy() == fixture.bytes(location))
    #expect(arena.usedBytes > 0)
    lease = nil
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
    for _ in 0..<3 { _ = arena.pages(hot, fixture.reader) }
    for (index, page) in fixture.pages.enumerated().dropFirst(4) {
      _ = try arena.page(page.location, fixture.reader)
      if index % 10 == 0 { _ = arena.pages(hot, fixture.reader) }
    }
    let before = arena.misses.current
    _ = arena.pages(hot, fixture.reader)
    #expect(arena.misses.current == before)
    #expect(arena.evictedCount > 0)
  }

  @Test func aWrongLocationIsAnErrorNotAnAnswer() throws {
    var dice = StoreDice.seeded("arenaWrong")
    let fixture = try ArenaFixture(&dice, extents: 2, bytesMax: 50_000)
    let arena = try PageArena(
      byteCount: 8 << 20, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    let good = fixture.pages[0].location
    _ = try arena.page(good, fixture.reader)
    var wrong = good
    wrong.checksum ^= 1
    #expect(throws: PageReadError.self) { try arena.page(wrong, fixture.reader) }
    var beyond = good
    beyond.offset = UInt32(Limits.segmentBytesMin)
    #expect(throws: PageReadError.cutOff(segment: 1, offset: beyond.offset)) {
      try arena.page(beyond, fixture.reader)
    }
    beyond.offset = .max
    #expect(throws: PageReadError.self) { try arena.page(beyond, fixture.reader) }
    var coded = good
    coded.codec = PageCodec.planes
    #expect(throws: PageReadError.unsupportedCodec(PageCodec.planes)) {
      try arena.page(coded, fixture.reader)
    }
    var huge = good
    huge.rawBytes = .max
    huge.storedBytes = .max
    #expect(throws: PageReadError.self) { try arena.page(huge, fixture.reader) }
    #expect(try arena.page(good, fixture.reader).copy() == fixture.bytes(good))
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
        let lease = try arena.page(big, fixture.reader)
        #expect(try lease.copy() == fixture.bytes(big))
        #expect(ledger.bytes(of: .request) == needed)
      } else {
        #expect(throws: PageReadError.memoryExhausted(bytes: needed)) {
          try arena.page(big, fixture.reader)
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
