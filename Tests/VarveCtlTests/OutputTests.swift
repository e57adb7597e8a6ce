import Testing
import VarveBase
import VarveWire

@testable import varvectl

struct OutputTests {
  @Test(arguments: [
    ("0", 0), ("4096", 4096), ("64KiB", 65_536), ("64 KiB", 65_536), ("1MiB", 1 << 20),
    ("2GiB", 2 << 30), ("8TiB", 8 << 40), ("7B", 7),
  ])
  func `Sizes are read`(text: String, bytes: Int) {
    #expect(ByteSize(argument: text)?.bytes == bytes)
  }

  @Test(arguments: ["", "KiB", "1K", "1kb", "-1", "+1", "1.5MiB", "9000000TiB", "1  KiB", "0x10"])
  func `No size is guessed`(text: String) {
    #expect(ByteSize(argument: text) == nil)
  }

  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (10_240, "10.0 KiB"),
      (102_400, "100 KiB"), (5 << 30, "5.00 GiB"), (UInt64.max, "16777216 TiB"),
    ] as [(UInt64, String)])
  func `Sizes are told`(bytes: UInt64, text: String) {
    #expect(ByteSize.text(bytes) == text)
  }

  @Test(arguments: [
    (0.0000004, "0 µs"), (0.00085, "850 µs"), (0.0123, "12.3 ms"), (0.5, "500 ms"), (4.2, "4.2 s"),
    (185, "3 min 5 s"), (7620, "2 h 7 min"), (273_600, "3 d 4 h"), (.infinity, "for ever"),
  ])
  func `Durations are told`(seconds: Double, text: String) {
    #expect(Numbers.duration(seconds) == text)
  }

  @Test func `Thousands are grouped`() {
    #expect(Numbers.grouped(0) == "0")
    #expect(Numbers.grouped(999) == "999")
    #expect(Numbers.grouped(-1000) == "-1,000")
    #expect(Numbers.grouped(UInt64.max) == "18,446,744,073,709,551,615")
  }

  @Test func `A table is as wide as its cells`() {
    var table = Table([("NAME", .left), ("N", .right), ("END", .left)])
    table.add(["a", "1", ""])
    table.add(["longer", "100", "x"])
    #expect(table.text == "NAME      N  END\na         1\nlonger  100  x\n")
  }

  @Test func `JSON has snake_case keys in order, and names of counters stay`() throws {
    let text = try Json.text(
      StatsReport(
        StatsResponse(
          pageBytes: 7, bootID: "b", counters: ["gets_total{code=\"OK\"}": 3, "aB": 1],
          latencies: [Latency(name: "l", p999Micros: 2)])))
    #expect(text.hasPrefix(#"{"boot_id":"b","capacity_bytes":0,"counters":{"#))
    #expect(text.contains(#""aB":1"#))
    #expect(text.contains(#""gets_total{code=\"OK\"}":3"#))
    #expect(text.contains(#""p999_us":2"#))
    #expect(text.contains(#""page_bytes":7"#))
  }

  @Test func `Stats tell what is full and what is wrong`() {
    let stats = StatsResponse(
      version: "9", uptimeSeconds: 61, ready: true, writable: false, capacityBytes: 2048,
      diskBytes: 1024, pages: 1234,
      namespaces: [NamespaceInfo(name: "n", pagesAsked: 4, pagesHit: 1)],
      counters: ["c_total": 5],
      latencies: [Latency(name: "Get", count: 1, p50Micros: 5), Latency(name: "Pin")])
    let text = StatsReport(stats).text(all: false)
    #expect(text.contains("9, up 1 min 1 s, ready, READ-ONLY"))
    #expect(text.contains("1.00 KiB of 2.00 KiB (50.0 %)"))
    #expect(text.contains("25.0 %"))
    #expect(text.contains("Get"))
    #expect(!text.contains("Pin"))
    #expect(!text.contains("c_total"))
    #expect(StatsReport(stats).text(all: true).contains("c_total"))
    #expect(StatsReport(StatsResponse()).text(all: true).contains("NOT READY"))
  }

  @Test func `A bar is drawn for people alone, at most ten times a second, and taken away`() {
    let clock = ManualClock()
    let recorded = RecordedConsole()
    var bar = ProgressBar(recorded.console(isTerminal: true), label: "l", clock: clock)
    bar.update(done: 0, total: 0)
    #expect(recorded.errors.isEmpty)
    clock.advance(millis: 1000)
    bar.update(done: 1, total: 4)
    let first = recorded.errors
    #expect(first.contains("l ███████░░░"))
    #expect(first.contains("25.0 %, 3.0 s left"))
    bar.update(done: 2, total: 4)
    #expect(recorded.errors == first)
    clock.advance(millis: 100)
    bar.update(done: 2, total: 4, stage: "s", estimate: 9)
    #expect(recorded.errors.contains("l s ███████████████░"))
    #expect(recorded.errors.contains("9.0 s left"))
    bar.finish()
    #expect(recorded.errors.hasSuffix("\r\u{1B}[K"))

    let quiet = RecordedConsole()
    var none = ProgressBar(quiet.console(), label: "l", clock: clock)
    none.update(done: 1, total: 2)
    none.finish()
    #expect(quiet.errors.isEmpty)
  }

  @Test(arguments: [("0:5", 0..<5), (":5", 0..<5), ("3:", 3..<Int.max), (":", 0..<Int.max)])
  func `Ranges of requests are read`(text: String, range: Range<Int>) {
    #expect(RequestRange(argument: text)?.range == range)
  }

  @Test(arguments: ["", "5", "5:4", "-1:4", "a:b", "1:2:3"])
  func `No range is guessed`(text: String) {
    #expect(RequestRange(argument: text) == nil)
  }

  @Test func `The Python replay gets the same range and sizes`() {
    #expect(
      BackendReplay.arguments(
        trace: "t", endpoint: "h:1", pageBytes: 64, requests: RequestRange(range: 2..<5), json: true
      )
        == [
          "-m", "sglang_varve.replay", "t", "--endpoint", "h:1", "--page-bytes", "64",
          "--requests", "2:5", "--json",
        ])
    #expect(
      !BackendReplay.arguments(
        trace: "t", endpoint: "h:1", pageBytes: 64, requests: .all, json: false
      ).contains("--requests"))
    #expect(BackendReplay(python: "p", checkout: nil).python == "p")
    #expect(BackendReplay(python: nil, checkout: "/nonexistent").python == "python3")
  }
}
