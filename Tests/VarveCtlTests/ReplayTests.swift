import Foundation
import Testing
import VarveBase
import VarveClient
import VarveWire

@testable import varvectl

/// Replays against a whole daemon.
struct ReplayTests {
  /// Request n: the first blocks of an earlier one, then new ones.
  private static func trace(_ requests: Int, newBlocks: Int, keep: Int) -> String {
    var lines = [#"{"name": "made", "requests": \#(requests)}"#]
    for number in 0..<requests {
      let base = number == 0 ? -1 : number / 2
      let start = number * newBlocks
      let kept = number == 0 ? 0 : keep
      lines.append("[\(number), 0, 1, 1, \(base), \(kept), [[\(start), \(newBlocks)]]]")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func replay(_ server: LocalServer, _ arguments: [String]) throws -> [String: Any] {
    let result = runTool(["replay", "--json", "--endpoint", server.endpoint] + arguments)
    #expect(result.status == .success, "\(result.errors)")
    return try object(result.output)
  }

  @Test(arguments: [1, 4])
  func `All that repeats is hit, and all bytes are right`(connections: Int) throws {
    let server = try LocalServer()
    let path = try server.folder.file("t.kvt.jsonl", Self.trace(60, newBlocks: 7, keep: 4))
    let arguments = [path, "--connections", "\(connections)", "--put-batch", "3"]
    let report = try replay(server, arguments)
    #expect(report["requests"] as? Int == 60)
    #expect(report["blocks"] as? Int == 60 * 7 + 59 * 4)
    #expect(report["wrong_bytes"] as? Int == 0)
    #expect(report["refused_blocks"] as? Int == 0)
    #expect(report["put_blocks"] as? Int == 60 * 7)
    let reference = try #require(report["reference"] as? [String: Any])
    let infinite = try #require(reference["infinite_hit_percent"] as? Double)
    if connections == 1 {
      #expect(report["hit_blocks"] as? Int == 59 * 4)
      #expect(report["hit_rate_percent"] as? Double == infinite)
    }
    #expect(reference["fifo_hit_percent"] == nil)
    #expect(report["effective_capacity_bytes"] as? Int == 60 * 7 * 4096)

    // A second time everything is there; with --clear nothing is.
    let again = try replay(server, arguments + ["--no-verify"])
    #expect(again["hit_rate_percent"] as? Double == 100)
    #expect(again["pages_before"] as? Int == 60 * 7)
    let part = try replay(server, arguments + ["--clear", "--requests", "0:1"])
    #expect(part["requests"] as? Int == 1)
    #expect(part["hit_blocks"] as? Int == 0)
  }

  @Test func `People read the rate, the ceiling and the latencies`() throws {
    let server = try LocalServer()
    let path = try server.folder.file("t.kvt.jsonl", Self.trace(10, newBlocks: 2, keep: 2))
    let result = runTool(["replay", path, "--endpoint", server.endpoint])
    #expect(result.status == .success)
    #expect(result.output.contains("prefix hit rate     47.37 % of blocks (18)"))
    #expect(result.output.contains("infinite cache    47.37 %"))
    #expect(result.output.contains("wrong bytes         0 in 0 pages"))
    #expect(result.output.contains("\nlookup        10"))
  }

  @Test func `Wrong bytes in the store are seen and are 5`() throws {
    let server = try LocalServer()
    let path = try server.folder.file("t.kvt.jsonl", Self.trace(2, newBlocks: 2, keep: 2))
    // A page of the trace with one byte changed, put by somebody else: its checksum is right.
    let pages = TracePages(traceName: "made")
    var content: [UInt8] = []
    pages.appendContent(of: pages.id(ofBlock: 0), byteCount: 4096, to: &content)
    content[100] ^= 1
    let client = try server.client()
    let namespace = try client.openNamespace("trace/made/4096").namespaceID
    #expect(
      try client.put(
        namespaceID: namespace, chain: Chain(pageIDs: [pages.id(ofBlock: 0)]), pages: [content])
        == [.stored])
    let result = runTool(["replay", path, "--json", "--endpoint", server.endpoint])
    #expect(result.status == .corruption)
    let report = try object(result.output)
    #expect(report["wrong_bytes"] as? Int == 2)
    #expect(report["wrong_pages"] as? Int == 2)
    let unseen = runTool(["replay", path, "--no-verify", "--endpoint", server.endpoint])
    #expect(unseen.status == .success)
  }

  @Test func `Where pages were evicted the exact FIFO stands beside the run`() throws {
    let server = try LocalServer(capacity: 64 << 20)
    let path = try server.folder.file("t.kvt.jsonl", Self.trace(120, newBlocks: 4, keep: 3))
    let report = try replay(server, [path, "--page-bytes", "256KiB"])
    #expect(report["evicted_pages"] as? Int ?? 0 > 0)
    #expect(report["wrong_bytes"] as? Int == 0)
    let reference = try #require(report["reference"] as? [String: Any])
    let capacity = try #require(reference["fifo_capacity_blocks"] as? Int)
    let held = try #require(report["effective_capacity_bytes"] as? Int)
    #expect(capacity == held / (256 << 10))
    #expect(held <= 64 << 20)
    let fifo = try #require(reference["fifo_hit_percent"] as? Double)
    let hit = try #require(report["hit_rate_percent"] as? Double)
    let infinite = try #require(reference["infinite_hit_percent"] as? Double)
    #expect(hit <= infinite && fifo <= infinite)
  }

  @Test func `A trace that breaks off is told with its line`() throws {
    let server = try LocalServer()
    let text = Self.trace(3, newBlocks: 2, keep: 2) + "[broken\n"
    let path = try server.folder.file("t.kvt.jsonl", text)
    let result = runTool(["replay", path, "--endpoint", server.endpoint])
    #expect(result.status == .error)
    #expect(result.errors.contains("line 5"))
  }

  @Test func `A daemon that went away is 4`() throws {
    let server = try LocalServer()
    let path = try server.folder.file("t.kvt.jsonl", Self.trace(3, newBlocks: 2, keep: 2))
    server.stop()
    let result = runTool(["replay", path, "--endpoint", server.endpoint])
    #expect(result.status == .unavailable)
  }
}
