// Staging buffers and I/O threads at their limits.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct ArenaPoolTests {
  @Test func sizeClasses() {
    let cases = [
      (1, 64 << 10), (64 << 10, 64 << 10), ((64 << 10) + 1, 128 << 10), (1 << 20, 1 << 20),
      ((8 << 20) + 1, 16 << 20), (16 << 20, 16 << 20), ((16 << 20) + 1, (16 << 20) + 4096),
    ]
    for (bytes, size) in cases { #expect(StagingPool.classBytes(bytes) == size, "\(bytes)") }
  }

  @Test func aPoolGivesUpToItsBudgetAndNoMore() throws {
    let one = ExtentBuffer.reservedBytes(payloadBytesMax: 64 << 10)
    let ledger = MemoryLedger(limitBytes: 10 * one)
    let pool = StagingPool(ledger: ledger, byteCountMax: 2 * one)
    let first = try #require(pool.take(payloadBytes: 1))
    let second = try #require(pool.take(payloadBytes: 64 << 10))
    #expect(pool.take(payloadBytes: 1) == nil)
    #expect(ledger.bytes(of: .staging) == 2 * one)
    pool.give(first)
    let third = try #require(pool.take(payloadBytes: 1))
    #expect(third === first, "buffers are used again")
    pool.give(second)
    pool.give(third)
    #expect(pool.lentCount == 0 && pool.heldBytes == 2 * one)
  }

  @Test func aNamespaceLeavesBuffersForOthers() throws {
    let one = ExtentBuffer.reservedBytes(payloadBytesMax: 64 << 10)
    let pool = StagingPool(ledger: MemoryLedger(limitBytes: 64 << 20), byteCountMax: 18 * one)
    let (a, b) = (Claimant(namespace: 1, weight: 1), Claimant(namespace: 2, weight: 1))
    var held: [ExtentBuffer] = []
    while let buffer = pool.take(payloadBytes: 1, for: a) { held.append(buffer) }
    #expect(held.count == 16)
    let other = try #require(pool.take(payloadBytes: 1, for: b))
    #expect(pool.take(payloadBytes: 1, for: b, isLuxury: true) == nil)
    for buffer in held { pool.give(buffer, from: a) }
    #expect(pool.take(payloadBytes: 1, for: b, isLuxury: true) != nil)
    pool.give(other, from: b)
    #expect(pool.lentCount == 1)
  }

  @Test func idleBuffersMakeRoomForOtherClasses() throws {
    let ledger = MemoryLedger(limitBytes: 1 << 20)
    let pool = StagingPool(ledger: ledger, byteCountMax: 1 << 20)
    let small = (0..<8).compactMap { _ in pool.take(payloadBytes: 1) }
    #expect(small.count == 8)
    #expect(pool.take(payloadBytes: 512 << 10) == nil)
    for buffer in small { pool.give(buffer) }
    let large = try #require(pool.take(payloadBytes: 512 << 10))
    #expect(pool.heldBytes <= 1 << 20)
    pool.give(large)
  }

  @Test func theLedgerIsObeyedAndGivenBack() throws {
    let ledger = MemoryLedger(limitBytes: 1 << 20)
    var pool: StagingPool? = StagingPool(ledger: ledger, byteCountMax: 64 << 20)
    #expect(pool?.take(payloadBytes: 1 << 20) == nil)
    let buffer = try #require(pool?.take(payloadBytes: 512 << 10))
    pool?.give(buffer)
    pool = nil
    #expect(ledger.totalBytes == 0)
  }

  @Test func pagesBeyondTheLargestClassAreNotKept() throws {
    let ledger = MemoryLedger(limitBytes: 64 << 20)
    let pool = StagingPool(ledger: ledger, byteCountMax: 64 << 20)
    let buffer = try #require(pool.take(payloadBytes: 20 << 20))
    #expect(buffer.payloadBytesMax >= 20 << 20)
    pool.give(buffer)
    #expect(pool.heldBytes == 0 && ledger.totalBytes == 0)
  }

  @Test func jobsRunAndAFullQueueRefuses() {
    let pool = IOPool(threads: 2, queueMax: 3)
    let gate = Monitor((isOpen: false, done: 0))
    let job: IOPool.Job = {
      _ = gate.wait { $0.isOpen ? true : nil }
      gate.update { $0.done += 1 }
    }
    #expect(pool.submit(job) && pool.submit(job))
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + 10_000_000_000
    while pool.runningCount < 2, clock.monotonicNanos() < deadline {}
    #expect(pool.runningCount == 2)
    for _ in 0..<3 { #expect(pool.submit(job)) }
    #expect(pool.queuedCount == 3)
    #expect(!pool.submit(job), "one above the limit is refused")
    gate.update { $0.isOpen = true }
    pool.close()
    #expect(gate.peek { $0.done } == 5, "closing runs what was queued")
    #expect(!pool.submit(job), "a closed pool refuses")
  }

  @Test func aNamespaceThatFillsTheQueueLeavesPlacesForOthers() {
    let pool = IOPool(threads: 1, queueMax: 18)
    let isOpen = Monitor(false)
    let order = Locked<[UInt32]>([])
    func submit(_ namespace: UInt32) -> Bool {
      pool.submit(for: Claimant(namespace: namespace, weight: 1), cost: 1 << 20) {
        order.withLock { $0.append(namespace) }
      }
    }
    let first: IOPool.Job = { _ = isOpen.wait { $0 ? true : nil } }
    #expect(pool.submit(first))
    let clock = SystemClock()
    let deadline = clock.monotonicNanos() + 10_000_000_000
    while pool.runningCount < 1, clock.monotonicNanos() < deadline {}
    var count = 0
    while submit(1) { count += 1 }
    #expect(count == 16)
    #expect(submit(2), "and the other's job")
    let more: IOPool.Job = {}
    #expect(pool.submit(for: Claimant(namespace: 1, weight: 1), isBounded: false, more))
    isOpen.update { $0 = true }
    pool.close()
    #expect(order.withLock { Array($0.prefix(2)) } == [1, 2], "runs second of all")
  }

  @Test func thousandsOfJobsFromManyThreadsAllRunOnce() {
    let pool = IOPool(threads: 3)
    let counts = Locked([Int](repeating: 0, count: 4000))
    inParallel(4) { thread in
      for index in 0..<1000 {
        while !pool.submit({ counts.withLock { $0[thread * 1000 + index] += 1 } }) {}
      }
    }
    pool.close()
    #expect(counts.withLock { $0.allSatisfy { $0 == 1 } })
  }
}
