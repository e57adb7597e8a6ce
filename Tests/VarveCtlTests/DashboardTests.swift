// The dashboard as text: golden at 80 × 24, whole at any size, harmless whatever the daemon says.

import Testing
import VarveBase
import VarveWire

@testable import varvectl

struct DashboardTests {
  private func stats(lookups: UInt64 = 100, hit: UInt64 = 900) -> StatsResponse {
    var stats = StatsResponse(
      version: "0.1.0", uptimeSeconds: 7384, ready: true, writable: true,
      capacityBytes: 10 << 30, diskBytes: 4 << 30, memoryBytes: 1 << 30,
      memoryLimitBytes: 4 << 30, pages: 123_456, pageBytes: 3 << 30, evictedPages: 1234,
      bootID: "b")
    stats.levels = [
      Level(level: 0, runs: 2, runsMax: 4, entries: 246_912, bytes: 30 << 20, filterBytes: 300_000)
    ]
    stats.namespaces = [
      NamespaceInfo(
        name: "model/a", pages: 100_000, bytes: 2 << 30, lookups: lookups, pagesAsked: 1000,
        pagesHit: hit, bytesIn: 5 << 30, bytesOut: 7 << 30),
      NamespaceInfo(name: "model/b", pages: 23_456, bytes: 1 << 30),
    ]
    stats.counters = ["requests_total{call=\"Put\"}": 42, "requests_total{call=\"Get\"}": 99]
    stats.latencies = [
      Latency(name: "Get", count: 99, p50Micros: 800, p99Micros: 12_000, maxMicros: 20_000)
    ]
    return stats
  }

  /// A second in which 10 lookups found 90 of 100 pages and 128 MiB came out.
  private func moments() -> (StatsSample, StatsSample) {
    let before = StatsSample(stats(), nanos: 1_000_000_000)
    var later = stats(lookups: 110, hit: 990)
    later.namespaces[0].pagesAsked = 1100
    later.namespaces[0].bytesOut += 128 << 20
    later.counters["requests_total{call=\"Get\"}"] = 119
    return (before, StatsSample(later, nanos: 2_000_000_000))
  }

  private func board(
    _ before: StatsSample?, _ now: StatsSample, trouble: String? = nil
  ) -> Dashboard {
    var history = Dashboard.History()
    let change = StatsChange(before, now)
    history.add(change)
    return Dashboard(
      endpoint: "127.0.0.1:4770", sample: now, change: change, history: history,
      trouble: trouble, intervalSeconds: 1)
  }

  @Test func `Everything is told on 80 columns and 24 lines`() {
    let (before, now) = moments()
    let expected = """
      varved 0.1.0 at 127.0.0.1:4770   up 2 h 3 min   ready

      disk     ████████████░░░░░░░░░░░░░░░░░░  40.0 %   4.00 GiB of 10.0 GiB
      memory   ████████░░░░░░░░░░░░░░░░░░░░░░  25.0 %   1.00 GiB of 4.00 GiB
      pages    123,456 holding 3.00 GiB; 1,234 evicted

                        NOW     SINCE START   LAST 1
      hit rate       90.0 %          90.0 %   ▇
      in              0 B/s        5.00 GiB   ▁
      out         128 MiB/s        7.12 GiB   █
      lookups          10/s             110   █
      puts            0.0/s              42
      gets             20/s             119   p50 800 µs, p99 12.0 ms

      LEVEL  RUNS  ENTRIES     BYTES  FILTERS
          0   2/4  246,912  30.0 MiB  293 KiB

      NAMESPACE    PAGES     BYTES     HIT     NOW     IN        OUT
      model/a    100,000  2.00 GiB  90.0 %  90.0 %  0 B/s  128 MiB/s
      model/b     23,456  1.00 GiB       -       -  0 B/s      0 B/s



      q quits; every 1.0 s
      """
    let lines = board(before, now).lines(width: 80, height: 24)
    #expect(lines.joined(separator: "\n") == expected)
  }

  @Test func `It fits any terminal`() {
    let (before, now) = moments()
    var many = now.stats
    many.namespaces = (0..<50).map { NamespaceInfo(name: "namespace number \($0)") }
    let crowd = StatsSample(many, nanos: now.nanos)
    for sample in [now, crowd] {
      for height in 1...60 {
        for width in [1, 2, 20, 40, 79, 80, 200] {
          let lines = board(before, sample).lines(width: width, height: height)
          #expect(lines.count == height)
          #expect(lines.allSatisfy { $0.count <= width })
        }
      }
    }
    let lines = board(nil, crowd).lines(width: 80, height: 24)
    #expect(lines.contains("and 46 more"), "\(lines)")
  }

  @Test func `What the daemon says cannot touch the terminal`() {
    var evil = stats()
    evil.namespaces[0].name = "a\u{1B}[2Jb\r\n\u{9B}c" + String(repeating: "x", count: 90)
    let lines = board(nil, StatsSample(evil, nanos: 1)).lines(width: 80, height: 24)
    #expect(!lines.joined().unicodeScalars.contains { $0.value < 32 || $0.value == 0x9B })
    #expect(lines.contains { $0.hasPrefix("a?[2Jb?") }, "\(lines)")
  }

  @Test func `States that need a person are told in capitals`() {
    var bad = stats()
    bad.writable = false
    bad.quarantinedPages = 3
    let lines = board(nil, StatsSample(bad, nanos: 1), trouble: "no answer: gone")
      .lines(width: 80, height: 24)
    #expect(lines[0].contains("READ-ONLY"))
    #expect(lines[4].contains("3 QUARANTINED"))
    #expect(lines[23] == "q quits; no answer: gone")
    bad.ready = false
    #expect(board(nil, StatsSample(bad, nanos: 1)).lines(width: 80, height: 9)[0].contains("NOT R"))
  }

  @Test func `Another start of the daemon or a dropped namespace gives no false rates`() {
    let (before, now) = moments()
    var restarted = now.stats
    restarted.bootID = "c"
    #expect(StatsChange(before, StatsSample(restarted, nanos: now.nanos)) == nil)
    #expect(StatsChange(before, before) == nil)
    #expect(StatsChange(nil, now) == nil)
    var dropped = now.stats
    dropped.namespaces = []
    let change = StatsChange(before, StatsSample(dropped, nanos: now.nanos))
    #expect(change?.rate { $0.bytesOut } == 0 && change?.hitShare == nil)
    #expect(change?.hitShare(of: "model/a") == nil)
    #expect(change?.rate(of: "model/a") { $0.bytesOut } == 0)
  }

  @Test func `Bars are drawn to scale`() {
    #expect(Sparkline.text([0, 1, 2, 3, 4, 5, 6, 7], width: 80) == "▁▂▃▄▅▆▇█")
    #expect(Sparkline.text([1, nil, 0.5], most: 1, width: 80) == "█ ▅")
    #expect(Sparkline.text([1, 2, 3], width: 2) == "▆█")
    #expect(Sparkline.text([0, 0], width: 5) == "▁▁")
    #expect(Sparkline.text([], width: 5).isEmpty && Sparkline.text([1], width: 0).isEmpty)
  }
}
