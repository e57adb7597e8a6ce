// Probes of the fingerprint table beside a C loop that reads as many random cache lines of a table
// of the same size, both asked for ahead. CPU time of the one thread, so that neighbours on the
// machine count for little.

import CBench
import Foundation
import VarveBase
import VarveEngine

/// What one round of every side took, in nanoseconds of CPU a probe.
struct FingerprintRound: Codable {
  var pages: Int
  var probePages: Int
  var tableBytes: Int
  /// The C loop.
  var loopNanos: Double
  /// Table probes of hashes of pages that are there, and of ones that are not.
  var presentNanos: Double
  var absentNanos: Double
  /// From page ids: hashing and probing.
  var fromIDsNanos: Double
  var insertNanosPerPage: Double
  var falsePerMillion: Double
}

/// Processor time of the calling thread.
enum ThreadClock {
  static func nanos() -> UInt64 {
    var time = timespec()
    let status = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    precondition(status == 0, "clock_gettime gave \(status)")
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

@safe final class FingerprintBench {
  let pages: Int
  let probePages: Int
  private let table: FingerprintTable
  private let insertNanos: Double
  private let lines: UnsafeMutableRawPointer
  private let lineCount: Int
  private let probes = 2000

  init(pages: Int, probePages: Int) throws {
    self.pages = pages
    self.probePages = probePages
    guard let table = FingerprintTable(pages: pages, ledger: nil) else {
      throw Failure("no memory for a table of \(pages) pages")
    }
    self.table = table
    let started = ThreadClock.nanos()
    for segment in 0..<UInt64(64) {
      table.add(segment: segment)
      let first = pages * Int(segment) / 64
      let end = pages * (Int(segment) + 1) / 64
      var batch: [FingerprintEntry] = []
      for page in first..<end {
        batch.append(FingerprintEntry(hash: Self.hash(UInt64(page)), segment: segment))
        if batch.count == FingerprintTable.batchMax {
          guard table.insert(batch[...]) else { throw Failure("the table ran out of memory") }
          batch.removeAll(keepingCapacity: true)
        }
      }
      guard table.insert(batch[...]) else { throw Failure("the table ran out of memory") }
    }
    insertNanos = Double(ThreadClock.nanos() - started) / Double(pages)
    lineCount = table.numbers.bytes / 64
    unsafe lines = .allocate(byteCount: lineCount * 64, alignment: 64)
    // Touched, so that no read meets the zero page.
    unsafe lines.initializeMemory(as: UInt8.self, repeating: 1, count: lineCount * 64)
  }

  deinit { unsafe lines.deallocate() }

  private static func name(_ number: UInt64) -> PageName {
    let words = (40..<43).map { mix(number ^ 1 << UInt64($0)) }
    return PageName(namespace: 1, id: PageID(mix(number), words[0], words[1], words[2]))
  }

  private static func hash(_ number: UInt64) -> UInt64 { FingerprintTable.hash(name(number)) }

  /// The finalizer of SplitMix64.
  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value &+ 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  func round(_ number: UInt64) -> FingerprintRound {
    let count = probes * probePages
    let present = (0..<count).map { index in
      Self.mix(UInt64(index) &+ number << 32) % UInt64(pages)
    }
    let ids = present.map { Self.name($0).id }
    let presentHashes = present.map(Self.hash)
    let absentHashes = (0..<count).map { Self.hash(UInt64(pages + $0) &+ (number + 1) << 34) }
    var sum: UInt64 = 0
    let loop = perProbe { range in
      unsafe presentHashes.withUnsafeBufferPointer { hashes in
        let batch = unsafe UnsafeBufferPointer(rebasing: hashes[range])
        let words = unsafe lines.assumingMemoryBound(to: UInt64.self)
        sum &+= unsafe varve_prefetched_reads(
          words, UInt64(lineCount), batch.baseAddress, range.count)
      }
    }
    var states: [Fingerprint] = []
    var wrong = 0
    let absentNanos = perProbe { range in
      table.find(absentHashes[range], into: &states)
      if states.contains(where: { $0 != .absent }) { wrong += 1 }
    }
    let presentNanos = perProbe { table.find(presentHashes[$0], into: &states) }
    var hashes: [UInt64] = []
    let fromIDs = perProbe { range in
      table.find(ids[range], of: 1, hashes: &hashes, into: &states)
    }
    precondition(sum != 0 && states.allSatisfy { $0 == .maybe }, "what was put in is there")
    return FingerprintRound(
      pages: pages, probePages: probePages, tableBytes: table.numbers.bytes, loopNanos: loop,
      presentNanos: presentNanos, absentNanos: absentNanos, fromIDsNanos: fromIDs,
      insertNanosPerPage: insertNanos, falsePerMillion: Double(wrong) * 1e6 / Double(count))
  }

  /// CPU nanoseconds a probe.
  private func perProbe(_ body: (Range<Int>) -> Void) -> Double {
    let started = ThreadClock.nanos()
    for probe in 0..<probes { body(probe * probePages..<(probe + 1) * probePages) }
    return Double(ThreadClock.nanos() - started) / Double(probes)
  }
}
