// Who may hold how much of the arena, and the line of those who wait for it.

import Testing
import VarveBase

@testable import VarveEngine

@Suite struct ArenaRoomTests {
  private static let chunk = Limits.arenaChunkBytes
  private let fixture: ArenaFixture
  private let arena: PageArena
  /// Of one chunk each.
  private let pages: [Location]

  /// 64 chunks, 48 of them for gets.
  init() throws {
    var dice = StoreDice.seeded("arenaRoom")
    fixture = try ArenaFixture(&dice, extents: 40, bytesMax: 30_000)
    arena = try PageArena(
      byteCount: 64 * Self.chunk, ledger: MemoryLedger(limitBytes: 64 << 20), pretouch: .now)
    pages = fixture.pages.map(\.location).filter {
      ArenaState.chunkCount(of: $0, skew: LoadTarget.skew($0)) == 1
    }
    try #require(pages.count > 200)
  }

  private static func claimant(_ namespace: UInt32, weight: Int = 1) -> Claimant {
    Claimant(namespace: namespace, weight: weight)
  }

  private func lease(_ page: Int, _ namespace: UInt32) -> ArenaLease? {
    arena.lease([pages[page]], for: Self.claimant(namespace), readers: fixture.reader)
  }

  /// Leases pages from `first` on, one by one, until no more are given.
  private func leaseAll(_ first: Int, _ namespace: UInt32) -> [ArenaLease] {
    var held: [ArenaLease] = []
    while held.count < 64, let lease = lease(first + held.count, namespace) {
      held.append(lease)
    }
    return held
  }

  @Test func oneNamespaceLeavesSomethingForTheNext() throws {
    #expect(!arena.isTight)
    let first = leaseAll(0, 1)
    // 8 of 9 of 48 chunks.
    #expect(first.count == 42)
    #expect(arena.isTight)
    #expect(lease(100, 2) != nil, "the next one gets in")
    // A page that is held already costs nothing.
    #expect(lease(0, 1) != nil)
    arena.state.peek { $0.checkInvariants() }
    withExtendedLifetime(first) {}
  }

  @Test func hotPagesAreNotHeldBeyondTheShareEither() throws {
    for page in 0..<60 { _ = try arena.page(pages[page], fixture.reader) }
    var held: [ArenaLease] = []
    var refused: ArenaLoad.HotRefusal?
    for page in 0..<60 where refused == nil {
      switch arena.leaseHot([pages[page]], for: Self.claimant(1)) {
      case .success(let lease): held.append(lease)
      case .failure(let refusal): refused = refusal
      }
    }
    #expect(refused == .noRoom)
    #expect(held.count >= 40 && held.count <= 48, "\(held.count)")
    arena.state.peek { $0.checkInvariants() }
  }

  @Test func theLineIsServedWhenRoomComesInFairOrder() throws {
    var first = leaseAll(0, 1)
    let served = Locked<[String]>([])
    func wait(_ page: Int, _ namespace: UInt32, _ name: String) {
      let job: @Sendable (RoomPromise) -> Void = { _ in served.withLock { $0.append(name) } }
      #expect(arena.whenRoom(for: [pages[page]], of: Self.claimant(namespace), job))
    }
    wait(100, 1, "a0")
    wait(101, 1, "a1")
    #expect(served.withLock { $0 } == [] && arena.waitingCount == 2)
    // Who has nothing is not behind those who have all.
    wait(102, 2, "b0")
    #expect(served.withLock { $0 } == ["b0"])
    // Nobody of the same namespace goes past the line.
    first.removeLast()
    #expect(served.withLock { $0 } == ["b0", "a0", "a1"], "a promise not used goes back")
    #expect(arena.waitingCount == 0)
    first = []
    #expect(!arena.isTight)
    arena.state.peek {
      $0.checkInvariants()
      #expect($0.room.promisedChunks == 0 && $0.room.held.isEmpty)
    }
  }

  @Test func aPromiseIsRoomThatNobodyElseGets() throws {
    var first = leaseAll(0, 1)
    let promises = Locked<[RoomPromise]>([])
    for page in 100..<103 {
      _ = arena.whenRoom(for: [pages[page]], of: Self.claimant(1)) { promise in
        promises.withLock { $0.append(promise) }
      }
    }
    first.removeLast()
    #expect(promises.withLock { $0.count } == 1, "room for one is promised to one")
    #expect(lease(110, 1) == nil, "others of the namespace wait behind the line")
    let promise = try #require(promises.withLock { $0.popLast() })
    let lease = arena.lease(
      [pages[100]], for: Self.claimant(1), promise, readers: fixture.reader)
    #expect(lease != nil)
    arena.state.peek { $0.checkInvariants() }
    first = []
    #expect(promises.withLock { $0.count } == 2)
    promises.withLock { $0 = [] }
    withExtendedLifetime(lease) {}
    arena.state.peek { $0.checkInvariants() }
  }

  /// Whatever lets go of the last room tells who waits: nobody else would come by.
  @Test func aReadThatFailsTellsWhoWaits() throws {
    let isServed = Locked(0)
    let job: @Sendable (RoomPromise) -> Void = { _ in isServed.withLock { $0 += 1 } }
    let whole = Array(pages[0..<60])
    // All the room, by pages that cannot be read: while they are looked for, somebody comes.
    let readers: PageArena.ReaderOf = { (_) throws(LogError) in
      if arena.waitingCount == 0, isServed.withLock({ $0 }) == 0 {
        _ = arena.whenRoom(for: [pages[100]], of: Self.claimant(2), job)
      }
      return nil
    }
    let failed = arena.lease(whole, for: Self.claimant(1), readers: readers)
    #expect(failed?.pages.count == 60)
    #expect(isServed.withLock { $0 } == 1 && arena.waitingCount == 0)
    arena.state.peek { $0.checkInvariants() }
  }

  @Test func theLineHasAnEndForEachNamespace() throws {
    let first = leaseAll(0, 1)
    var waiting = 0
    let job: @Sendable (RoomPromise) -> Void = { _ in }
    while arena.whenRoom(for: [pages[100]], of: Self.claimant(1), job) { waiting += 1 }
    // 8 of 9.
    #expect(waiting == Limits.roomLineMax * 8 / 9)
    let other = leaseAll(120, 2)
    #expect(arena.whenRoom(for: [pages[101]], of: Self.claimant(2), job))
    withExtendedLifetime((first, other)) {}
  }

  @Test func batchesGetSmallerAsRoomGetsScarce() {
    let most = 4 << 20
    #expect(arena.batchBytes(most: most) == most)
    let held = leaseAll(0, 1)
    let left = arena.state.peek { $0.roomLeft } * Self.chunk
    #expect(arena.batchBytes(most: most) == left / 32)
    withExtendedLifetime(held) {}
  }

  @Test func whatIsLargerThanAllTheRoomGoesAlone() throws {
    let batch = Array(pages[0..<60])
    let alone = arena.lease(batch, for: Self.claimant(1), readers: fixture.reader)
    #expect(alone != nil)
    #expect(
      arena.lease(Array(pages[60..<64]), for: Self.claimant(1), readers: fixture.reader) == nil)
    arena.state.peek { $0.checkInvariants() }
  }
}
