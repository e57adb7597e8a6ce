import Foundation
import Testing
import VarveBase
import VarveClient
import VarveWire

@testable import varvectl

/// `rebuild-index` and `dump` on a directory that a whole daemon wrote.
struct RebuildTests {
  private func store() throws -> LocalServer {
    let server = try LocalServer()
    let client = try server.client()
    let namespace = try client.openNamespace("n").namespaceID
    let pages = TracePages(traceName: "rebuild")
    let ids = (0..<20).map { pages.id(ofBlock: $0) }
    let contents = ids.map { id in
      var bytes: [UInt8] = []
      pages.appendContent(of: id, byteCount: 30_000, to: &bytes)
      return bytes
    }
    #expect(
      try client.put(namespaceID: namespace, chain: Chain(pageIDs: ids), pages: contents)
        .allSatisfy { $0 == .stored })
    try client.flush()
    server.stop()
    return server
  }

  private func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }

  @Test func `A lost index comes back, and a lost namespace table only with leave`() throws {
    let server = try store()
    let directory = server.dataDirectory
    let plain = runTool(["rebuild-index", directory, "--json"])
    #expect(plain.status == .success, "\(plain.errors)")
    let report = try object(plain.output)
    #expect(report["pages"] as? Int == 20)
    #expect(report["namespaces"] as? [String] == ["n"])
    for name in try names(directory) where !["LOCK", "segments", "tables"].contains(name) {
      try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
    }
    let refused = runTool(["rebuild-index", directory])
    #expect(refused.status == .corruption)
    #expect(refused.errors.contains("--accept-cleared"))
    let accepted = runTool(["rebuild-index", directory + "/", "--accept-cleared", "--json"])
    #expect(accepted.status == .success, "\(accepted.errors)")
    #expect(try object(accepted.output)["pages"] as? Int == 20)
    #expect(runTool(["verify", directory]).status == .success)
    #expect(runTool(["rebuild-index", directory + "/none"]).status == .notFound)
    #expect(runTool(["rebuild-index", ""]).status == .usage)
  }

  @Test func `Every file of a directory can be dumped`() throws {
    let server = try store()
    let directory = server.dataDirectory
    var files = try names(directory).filter { $0 != "LOCK" && !$0.hasSuffix("s") }
    files += ["NAMESPACES"]
    files += try names(directory + "/tables").map { "tables/" + $0 }
    files += try names(directory + "/segments").map { "segments/" + $0 }
    #expect(files.count >= 5, "\(files)")
    for file in files {
      let dump = runTool(["dump", "\(directory)/\(file)"])
      #expect(dump.status == .success, "\(file): \(dump.errors)")
      #expect(!dump.output.isEmpty && !dump.output.contains("damaged"), "\(file)")
    }
    let segment = try #require(try names(directory + "/segments").first)
    let text = runTool(["dump", "\(directory)/segments/\(segment)"]).output
    #expect(text.split(separator: "\n").filter { $0.hasPrefix("  page ") }.count == 20)
    #expect(runTool(["dump", "\(directory)/LOCK"]).status == .usage)
    #expect(runTool(["dump", "\(directory)/none.sst"]).status == .notFound)
  }

  @Test func `A damaged file is dumped as far as it goes, and is 5`() throws {
    let server = try store()
    let directory = server.dataDirectory
    let segment = "\(directory)/segments/\(try #require(try names(directory + "/segments").first))"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: segment))
    bytes[8192 + 100] ^= 1
    try bytes.write(to: URL(fileURLWithPath: segment))
    let dump = runTool(["dump", segment])
    #expect(dump.status == .corruption)
    #expect(dump.output.contains("damaged"))
    for name in ["CURRENT", "NAMESPACES"] {
      let path = "\(directory)/\(name)"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      bytes[bytes.count - 2] ^= 1
      try bytes.write(to: URL(fileURLWithPath: path))
      #expect(runTool(["dump", path]).status == .corruption)
    }
  }
}
