// The operator's commands against a daemon: what they print, in text and JSON, and how they end.

import Foundation
import Testing
import VarveBase

@testable import varvectl

@Suite(.serialized) struct AdminCommandTests {
  @Test func `A scrub tells what it read, and ends with 5 where it found damage`() throws {
    let live = try LiveServer()
    try live.fill("n", count: 20)
    let sound = live.run("scrub")
    #expect(sound.status == .success)
    #expect(sound.output.hasPrefix("scrubbed 20 pages in 1 segments, "), "\(sound.output)")
    #expect(sound.output.contains(": 0 bad pages (0 taken out of service), 0 bad headers"))
    let segments = live.folder.path + "/data/segments"
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: segments).first)
    let file = try #require(FileHandle(forUpdatingAtPath: segments + "/" + name))
    try file.seek(toOffset: 8192 + 3 * 5000)
    try file.write(contentsOf: Data([1, 2, 3]))
    try file.close()
    let bad = live.run("scrub", "--json", "--rate", "64MiB")
    #expect(bad.status == .corruption)
    let result = try #require(bad.object()["result"] as? [String: Int])
    #expect(result["pages_bad"] == 1 && result["pages_quarantined"] == 1)
    #expect(bad.errors.contains("the store holds damage"))
    #expect(live.run("scrub").status == .success)
    let doctor = live.run("doctor")
    #expect(doctor.status == .error)
    #expect(doctor.output.contains("BAD  1 damaged pages met, 1 taken out of service"))
    #expect(doctor.errors == "varvectl: 1 problem found\n")
  }

  @Test func `Long work draws a bar for people and takes it away`() throws {
    let live = try LiveServer()
    try live.fill("n", count: 50)
    for command in ["scrub", "compact"] {
      let outcome = live.run(command, isTerminal: true)
      #expect(outcome.status == .success)
      #expect(outcome.errors.hasPrefix("\r\(command)"), "\(outcome.errors)")
      #expect(outcome.errors.contains("░") && outcome.errors.hasSuffix("\r\u{1B}[K"))
      #expect(live.run(command).errors.isEmpty)
    }
  }

  @Test func `A healthy daemon passes the doctor`() throws {
    let live = try LiveServer()
    let outcome = live.run("doctor")
    #expect(outcome.status == .success, "\(outcome.output)")
    #expect(outcome.output.hasSuffix("no problem found\n"))
    let answer = try live.run("doctor", "--json").object()
    #expect(answer["healthy"] as? Bool == true)
    #expect((answer["findings"] as? [[String: Any]])?.isEmpty == false)
    let nobody = LiveServer.run(["doctor", "--endpoint", "127.0.0.1:1"])
    #expect(nobody.status == .unavailable)
    #expect(nobody.errors.contains("is varved running?"))
  }

  @Test func `The doctor tries what a worker would do and leaves nothing behind`() throws {
    let live = try LiveServer()
    let outcome = live.run("doctor", "--worker", "--page-bytes", "4KiB")
    #expect(outcome.status == .success, "\(outcome.output)\(outcome.errors)")
    #expect(outcome.output.contains("ok   32 pages came back as they were stored"))
    #expect(outcome.output.contains("for 32 pages that are"))
    #expect(live.run("namespace", "list").output.contains("varvectl-doctor") == false)
    for wrong in ["0", "17MiB"] {
      #expect(live.run("doctor", "--worker", "--page-bytes", wrong).status == .usage)
    }
  }

  @Test func `Segments are listed with what lives in them`() throws {
    let live = try LiveServer()
    #expect(live.run("segments").output == "no segments\n")
    try live.fill("n", count: 20)
    let lines = live.run("segments").output.split(separator: "\n")
    #expect(lines.count == 3 && lines[1].contains("open") && lines[1].hasSuffix("20"))
    let rows = try live.run("segments", "--json").json() as? [[String: Any]]
    #expect(rows?.count == 1 && rows?.first?["live_bytes"] as? Int == 100_000)
  }

  @Test func `Options of a namespace are changed by name`() throws {
    let live = try LiveServer()
    #expect(live.run("namespace", "create", "n", "--ttl", "60").status == .success)
    let set = live.run("namespace", "set", "n", "--ttl", "0", "--description", "words", "--json")
    let info = try set.object()
    #expect(info["ttl_seconds"] as? Int == 0 && info["description"] as? String == "words")
    #expect(live.run("namespace", "set", "n").status == .usage)
    #expect(live.run("namespace", "set", "nobody", "--ttl", "1").status == .notFound)
    let large = live.run("namespace", "set", "n", "--page-bytes-max", "3MiB")
    #expect(large.status == .error)
    #expect(large.errors.contains("3145728") && large.errors.contains("2097152"))
    #expect(live.run("namespace", "set", "n", "--page-bytes-max", "4GiB").status == .usage)
    #expect(live.run("namespace", "show", "n").output.contains("words"))
    // Texts of others are shown without what would change the terminal.
    _ = live.run("namespace", "set", "n", "--description", "a\u{1B}[2Jb")
    #expect(live.run("namespace", "show", "n").output.contains("a?[2Jb"))
    #expect(live.run("namespace", "clear", "n").status == .success)
    #expect(live.run("namespace", "drop", "n").status == .success)
    #expect(live.run("namespace", "drop", "n").status == .notFound)
  }

  @Test func `The capacity is shown and changed`() throws {
    let live = try LiveServer()
    #expect(live.run("capacity").output.hasPrefix("capacity 64.0 MiB, "))
    #expect(live.run("capacity", "48MiB").output.hasPrefix("capacity 48.0 MiB, "))
    #expect(try live.run("capacity", "--json").object()["capacity_bytes"] as? Int == 48 << 20)
    let small = live.run("capacity", "31MiB")
    #expect(small.status == .error && small.errors.contains("33554432"))
    #expect(live.run("capacity", "much").status == .usage)
  }

  @Test func `The tuner's knobs are shown and moved, and what cannot be is refused`() throws {
    let live = try LiveServer()
    let status = live.run("tuner")
    #expect(status.status == .success && status.output.hasPrefix("mode observe\nKNOB"))
    let knobs = try live.run("tuner", "status", "--json").object()["knobs"] as? [[String: Any]]
    #expect(knobs?.contains { $0["name"] as? String == "filter_bits_per_name" } == true)
    #expect(live.run("tuner", "history").output == "no decisions yet\n")
    let held = live.run("tuner", "manual", "size_ratio=8", "filter_bits_per_name=6.5")
    #expect(held.status == .success && held.output.contains("held by an operator"))
    let history = live.run("tuner", "history")
    #expect(history.output.contains("size_ratio") && history.output.contains("manual"))
    #expect(live.run("tuner", "auto", "size_ratio").status == .success)
    for mode in ["manual", "observe", "auto"] {
      #expect(live.run("tuner", mode).output.hasPrefix("mode \(mode)\n"))
    }
    let fixed = LiveServer.run(["tuner", "auto", "arena_bytes", "--endpoint", live.endpoint])
    #expect(fixed.status == .error && fixed.errors.contains("FAILED_PRECONDITION"))
    #expect(live.run("tuner", "manual", "size_ratio=99").errors.contains("from 2 to 16"))
    for word in ["speed", "=1", "speed=", "speed=fast", "speed=nan", "speed=inf"] {
      #expect(live.run("tuner", "manual", word).status == .usage, "\(word)")
    }
    #expect(live.run("tuner", "manual", "a=1", "a=2").status == .usage)
    #expect(live.run("tuner", "manual", "speed=1").errors.contains("INVALID_ARGUMENT"))
  }

  @Test func `A drained daemon is told as unavailable`() throws {
    let live = try LiveServer()
    #expect(live.run("drain", "--wait", "0").status == .usage)
    #expect(live.run("drain", "--wait", "86401").status == .usage)
    let drain = live.run("drain", "--wait", "30", "--json")
    #expect(drain.status == .success)
    #expect(try drain.object()["drained"] as? Bool == true)
    let later = live.run("stats")
    #expect(later.status == .unavailable && later.errors.contains("draining"))
  }

  @Test func `A watch without a terminal prints a line an answer`() throws {
    let live = try LiveServer()
    try live.fill("n", count: 3)
    let text = live.run("stats", "--watch", "--count", "2", "--interval", "0.1")
    #expect(text.status == .success)
    let lines = text.output.split(separator: "\n")
    #expect(lines.count == 2 && lines[1].contains("lookups/s"), "\(text.output)")
    #expect(lines.allSatisfy { $0.hasPrefix("ready, disk ") && $0.contains(" 3 pages") })
    let json = live.run("stats", "-w", "--count", "1", "--json")
    #expect(try json.object()["pages"] as? Int == 3)
    for words in [["--interval", "0.05"], ["--count", "0"], ["--all"]] {
      let outcome = LiveServer.run(["stats", "--watch", "--endpoint", live.endpoint] + words)
      #expect(outcome.status == .usage, "\(words)")
    }
    #expect(live.run("stats", "--count", "1").status == .usage)
    #expect(LiveServer.run(["stats", "-w", "--endpoint", "127.0.0.1:1"]).status == .unavailable)
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func `Every shell gets a script that knows the commands`(_ shell: String) throws {
    let outcome = LiveServer.run(["--generate-completion-script", shell])
    #expect(outcome.status == .success)
    for word in ["scrub", "doctor", "namespace", "capacity", "--endpoint", "--watch"] {
      #expect(outcome.output.contains(word.replacing("--", with: "")), "\(word)")
    }
    // Parsed by the shell itself, where it is there.
    let path = "/usr/bin/" + shell
    guard FileManager.default.isExecutableFile(atPath: path) else {
      print("\(shell) is not here: its script was not parsed")
      return
    }
    let folder = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = ["-n", try folder.file("script", outcome.output)]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}
