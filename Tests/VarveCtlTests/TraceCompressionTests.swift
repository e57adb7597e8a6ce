import Foundation
import Testing

@testable import varvectl

/// The compressed samples are made here by the `zstd` program, as traces are.
struct TraceCompressionTests {
  /// Long enough for several reads and several pieces of output.
  private static let text: String = {
    var lines = [#"{"name": "packed"}"#]
    for number in 0..<60_000 { lines.append("[\(number), 0, 1, 1, -1, 0, [[\(number * 7), 3]]]") }
    return lines.joined(separator: "\n") + "\n"
  }()

  private func compress(_ path: String, _ options: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["zstd", "-q", "-f"] + options + [path, "-o", path + ".zst"]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "the program zstd is wanted: make deps")
    return path + ".zst"
  }

  private func lines(_ path: String) throws -> Int {
    let reader = try TraceReader(path: path)
    var count = 0
    while let request = try reader.next() {
      guard request.runs == [count * 7..<count * 7 + 3] else { break }
      count += 1
    }
    return count
  }

  @Test(arguments: [["-3"], ["-19", "--long=27"], ["-1", "--no-check"]])
  func `A compressed trace reads as the plain one`(options: [String]) throws {
    let folder = try TemporaryFolder()
    let plain = try folder.file("t.kvt.jsonl", Self.text)
    #expect(try lines(plain) == 60_000)
    #expect(try lines(try compress(plain, options)) == 60_000)
  }

  @Test func `Two frames one after another are one stream`() throws {
    let folder = try TemporaryFolder()
    let half = Self.text.index(Self.text.startIndex, offsetBy: Self.text.count / 2)
    var joined = Data()
    for (name, part) in [("a", Self.text[..<half]), ("b", Self.text[half...])] {
      let path = try folder.file(name, String(part))
      joined += try Data(contentsOf: URL(fileURLWithPath: try compress(path, [])))
    }
    #expect(try lines(try folder.file("t.zst", Array(joined))) == 60_000)
  }

  @Test func `Every cut of the compressed data is refused`() throws {
    let folder = try TemporaryFolder()
    let packed = try compress(try folder.file("t.kvt.jsonl", Self.text), [])
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: packed)))
    for count in [1, 5, 100, bytes.count / 2, bytes.count - 1] {
      let path = try folder.file("cut.zst", Array(bytes[..<count]))
      #expect(throws: TraceError.self, "\(count) of \(bytes.count) bytes") { try lines(path) }
    }
  }

  @Test func `Damaged compressed data gives an error or other lines, never a trap`() throws {
    let folder = try TemporaryFolder()
    let short = String(Self.text.prefix(20_000))
    let packed = try compress(try folder.file("t.kvt.jsonl", short), ["--check"])
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: packed)))
    var generator = SplitMix64(state: TestSeed.make())
    for _ in 0..<200 {
      var damaged = bytes
      damaged[Int.random(in: 0..<bytes.count, using: &generator)] ^=
        UInt8.random(in: 1...255, using: &generator)
      _ = try? lines(try folder.file("damaged.zst", damaged))
    }
    #expect(throws: TraceError.self) {
      try lines(try folder.file("text.zst", "this is not compressed"))
    }
  }
}
