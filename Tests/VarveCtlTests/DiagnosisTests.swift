// Each trouble a daemon can be in, and what the doctor says of it.

import Testing
import VarveWire

@testable import varvectl

struct DiagnosisTests {
  private func findings(
    pingMicros: Double = 100, _ change: (inout StatsResponse) -> Void = { _ in }
  ) -> [Finding] {
    var stats = StatsResponse(
      version: "1", ready: true, writable: true, capacityBytes: 100, diskBytes: 50,
      memoryBytes: 10, memoryLimitBytes: 100, pages: 10)
    change(&stats)
    return Diagnosis(stats: stats, pingMicros: pingMicros, toolVersion: "1").findings
  }

  @Test func `A daemon without trouble has only good findings`() {
    let all = findings()
    #expect(all.allSatisfy { $0.level == .ok && $0.advice.isEmpty })
    #expect(all.count == 7)
  }

  @Test func `A full cache is no problem`() {
    let full = findings {
      $0.diskBytes = 100
      $0.evictedPages = 30
    }
    #expect(full.allSatisfy { $0.level == .ok })
    #expect(full.contains { $0.what.contains("30 pages evicted") && $0.what.contains("75 %") })
  }

  struct Row: Sendable {
    let level: Finding.Level
    let words: String
    let change: @Sendable (inout StatsResponse) -> Void
  }

  static let rows: [Row] = [
    Row(level: .problem, words: "not ready") { $0.ready = false },
    Row(level: .problem, words: "read-only") { $0.writable = false },
    Row(level: .problem, words: "over its capacity") { $0.diskBytes = 101 },
    Row(level: .problem, words: "1 taken out of service") { $0.quarantinedPages = 1 },
    Row(level: .problem, words: "2 damaged") { $0.counters["pages_damaged_total"] = 2 },
    Row(level: .problem, words: "3 pages were refused") { $0.counters["put_no_space_total"] = 3 },
    Row(level: .problem, words: "4 calls ended") {
      $0.counters["problems_total{code=\"INTERNAL\"}"] = 4
    },
    Row(level: .problem, words: "5 writes failed") {
      $0.counters["log_append_failures_total"] = 5
    },
    Row(level: .problem, words: "6 pages came") {
      $0.counters["put_checksum_mismatches_total"] = 6
    },
    Row(level: .note, words: "7 connections") { $0.counters["connections_refused_total"] = 7 },
    Row(level: .note, words: "8 puts waited") { $0.counters["put_stalls_total"] = 8 },
    Row(level: .note, words: "memory") { $0.memoryBytes = 99 },
    Row(level: .note, words: "version 2, this varvectl is 1") { $0.version = "2" },
  ]

  @Test(arguments: rows.indices) func `Each trouble is one finding with an advice`(_ index: Int) {
    let row = Self.rows[index]
    let found = findings(row.change).filter { $0.level != .ok }
    #expect(found.count == 1)
    #expect(found.first?.level == row.level)
    #expect(found.first?.what.contains(row.words) == true, "\(found)")
    #expect(found.first?.advice.isEmpty == false)
  }

  @Test func `A far daemon is noted`() {
    #expect(findings(pingMicros: Diagnosis.pingMicrosMax).allSatisfy { $0.level == .ok })
    #expect(findings(pingMicros: Diagnosis.pingMicrosMax + 1).count { $0.level == .note } == 1)
  }

  @Test func `Other errors of clients are theirs`() {
    let all = findings {
      $0.counters["problems_total{code=\"NOT_FOUND\"}"] = 900
      $0.counters["problems_total_of_another"] = 9
    }
    #expect(all.allSatisfy { $0.level == .ok })
  }

  static let workerRows: [(Finding.Level, String, @Sendable (inout WorkerProbe.Result) -> Void)] = [
    (.note, "a lookup takes", { $0.missSeconds = 0.006 }),
    (.note, "a lookup takes", { $0.hitSeconds = 0.006 }),
    (.problem, "32 pages were stored and 31 found again", { $0.hitPages = 31 }),
    (.problem, "2 of 32 pages were not stored", { $0.pagesStored = 30 }),
    (.note, "tokens a second", { $0.getSeconds = 1 }),
    (.problem, "31 of 32 pages came back, 0", { $0.pagesRead = 31 }),
    (.problem, "32 of 32 pages came back, 1", { $0.pagesWrong = 1 }),
  ]

  @Test(arguments: workerRows.indices)
  func `What a worker would meet is judged`(_ row: Int) {
    var result = WorkerProbe.Result(
      missSeconds: 0.0001, hitSeconds: 0.0002, putSeconds: 0.02, getSeconds: 0.01,
      bytes: 32 << 20, pagesStored: 32, pagesRead: 32, pagesWrong: 0, hitPages: 32)
    #expect(WorkerDiagnosis(result: result).findings.allSatisfy { $0.level == .ok })
    let (level, words, change) = Self.workerRows[row]
    change(&result)
    let found = WorkerDiagnosis(result: result).findings.filter { $0.level != .ok }
    #expect(found.contains { $0.level == level && $0.what.contains(words) }, "\(found)")
  }
}
