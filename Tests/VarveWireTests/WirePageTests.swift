// docs/wire.md is true: its frames are the contract's vectors, its tables are the code.

import Foundation
import Testing
import VarveBase
import VarveWire

@Suite struct WirePageTests {
  static func lines() throws -> [String] {
    let file = Vectors.root.appending(path: "docs/wire.md")
    return try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
  }

  /// The blocks that begin with "```frame WHAT": hexadecimal bytes, and behind | what they are.
  static func frames() throws -> [String: [UInt8]] {
    var frames: [String: [UInt8]] = [:]
    var title: String?
    for line in try lines() {
      if line.hasPrefix("```frame ") {
        title = String(line.dropFirst("```frame ".count))
      } else if line == "```" {
        title = nil
      } else if let title {
        let hex = line.prefix { $0 != "|" }
        #expect(hex.allSatisfy { $0.isHexDigit || $0 == " " }, "\(line)")
        frames[title, default: []] += Hex.bytes(String(hex))
      }
    }
    return frames
  }

  /// The rows of the table whose head begins with these cells.
  static func table(_ head: String...) throws -> [[String]] {
    let rows = try lines().map { line in
      line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    guard let start = rows.firstIndex(where: { $0.starts(with: head) }) else { return [] }
    return Array(rows[(start + 2)...].prefix { !$0.isEmpty })
  }

  @Test func everyFrameOfThePageIsAVectorAndEveryVectorIsThere() throws {
    let vectors = Dictionary(
      uniqueKeysWithValues: try Vectors.load().frames.map { ($0.what, $0.bytes) })
    let page = try Self.frames()
    #expect(Set(page.keys) == Set(vectors.keys))
    for (what, bytes) in page {
      #expect(Hex.text(bytes) == Hex.text(vectors[what] ?? []), "\(what)")
    }
  }

  @Test func theMethodsAreTheCodes() throws {
    let rows = try Self.table("method", "number")
    #expect(rows == Method.allCases.map { [$0.name, "\($0.rawValue)"] })
  }

  @Test func theLimitsAreTheCodes() throws {
    let limits = [
      "messageBytesMax": Limits.messageBytesMax, "helloBytesMax": Limits.helloBytesMax,
      "payloadBytesMax": Limits.payloadBytesMax, "pingBytesMax": Limits.pingBytesMax,
      "preHelloBufferBytesMax": Limits.preHelloBufferBytesMax, "streamsMax": Limits.streamsMax,
      "pagesMax": Limits.pagesMax, "beforePagesMax": Limits.beforePagesMax,
      "messageFieldsMax": Limits.messageFieldsMax, "pageBytesMax": Limits.pageBytesMax,
    ]
    let rows = try Self.table("limit", "value")
    #expect(rows.count == limits.count)
    for row in rows { #expect(limits[row[0]].map(String.init) == row[1], "\(row[0])") }
  }

  /// Each row of the types' table, held against the rules that judge a head.
  @Test func theTypesAreTheCodes() throws {
    let rows = try Self.table("type", "number", "from")
    #expect(rows.map { $0[0] } == (1...10).map { FrameType(rawValue: $0).name })
    for row in rows {
      let number = try #require(UInt8(row[1]))
      let stream: UInt32 = row[3] == "odd" ? 1 : 0
      let allowed = Set(row[4].components(separatedBy: ", ").compactMap { UInt8($0) })
      for flags in 0...3 as ClosedRange<UInt8> {
        let error = FrameRuleTests.judge(
          FrameRuleTests.head(type: number, flags: flags, stream: stream))
        #expect((error == nil) == allowed.contains(flags), "\(row[0]) with flags \(flags)")
      }
      let flags = allowed.min() ?? 0
      let message = FrameRuleTests.judge(
        FrameRuleTests.head(type: number, flags: flags, stream: stream, message: 1))
      #expect((message == nil) == (row[5] != "none"), "\(row[0]): header \(row[5])")
      let payload = FrameRuleTests.judge(
        FrameRuleTests.head(type: number, flags: flags, stream: stream, payload: 1))
      #expect((payload == nil) == (row[6] != "none"), "\(row[0]): payload \(row[6])")
    }
  }
}
