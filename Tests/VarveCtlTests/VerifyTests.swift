import Foundation
import Testing
import VarveBase
import VarveClient
import VarveWire

@testable import varvectl

/// `verify` on directories that a whole daemon wrote, sound and damaged.
struct VerifyTests {
  /// A store at rest with sealed segments, an open one, a table and a namespace.
  private func store() throws -> LocalServer {
    let server = try LocalServer()
    let client = try server.client()
    let namespace = try client.openNamespace("n").namespaceID
    let pages = TracePages(traceName: "verify")
    for start in stride(from: 0, to: 160, by: 16) {
      let ids = (start..<start + 16).map { pages.id(ofBlock: $0) }
      let contents = ids.map { id in
        var bytes: [UInt8] = []
        pages.appendContent(of: id, byteCount: 70_000, to: &bytes)
        return bytes
      }
      let status = try client.put(
        namespaceID: namespace, chain: Chain(pageIDs: ids), pages: contents)
      #expect(status.allSatisfy { $0 == .stored })
    }
    try client.flush()
    server.stop()
    return server
  }

  private func verify(
    _ directory: String
  ) throws -> (status: varvectl.ExitStatus, report: [String: Any]) {
    let result = runTool(["verify", directory, "--json"])
    return (result.status, try object(result.output.isEmpty ? "{}" : result.output))
  }

  private func findings(_ report: [String: Any], _ severity: String) -> [[String: Any]] {
    (report["findings"] as? [[String: Any]] ?? []).filter { $0["severity"] as? String == severity }
  }

  private func files(_ server: LocalServer, _ folder: String) throws -> [String] {
    let path = "\(server.dataDirectory)/\(folder)"
    return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
      .map { "\(folder)/\($0)" }
  }

  private func damage(_ server: LocalServer, _ file: String, at offset: Int) throws {
    let path = "\(server.dataDirectory)/\(file)"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[offset] ^= 0x40
    try bytes.write(to: URL(fileURLWithPath: path))
  }

  @Test func `A sound directory is 0 and its contents are counted`() throws {
    let server = try store()
    let (status, report) = try verify(server.dataDirectory)
    #expect(status == .success)
    #expect(report["pages"] as? Int == 160)
    #expect(report["payload_bytes"] as? Int == 160 * 70_000)
    #expect(report["segments"] as? Int ?? 0 >= 3)
    #expect(report["tables"] as? Int ?? 0 >= 1)
    #expect(report["namespaces"] as? Int == 1)
    #expect(findings(report, "corruption").isEmpty)
    let text = runTool(["verify", server.dataDirectory + "/"])
    #expect(text.status == .success)
    #expect(text.output.contains("verdict     sound"))
  }

  @Test func `Tables of an older release are a note, and the pages are verified`() throws {
    let folder = try TemporaryFolder()
    let directory = folder.path + "/store"
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/store-v2").path
    try FileManager.default.copyItem(atPath: fixture, toPath: directory)
    _ = FileManager.default.createFile(atPath: directory + "/LOCK", contents: nil)
    let (status, report) = try verify(directory)
    #expect(status == .success)
    #expect(findings(report, "corruption").isEmpty)
    let notes = findings(report, "note").compactMap { $0["what"] as? String }
    #expect(notes.filter { $0.hasPrefix("format version 2, this release reads 3") }.count == 2)
    #expect(report["pages"] as? Int == 48)
  }

  @Test func `One bit of a page is found, with its file`() throws {
    let server = try store()
    let segment = try #require(try files(server, "segments").first)
    try damage(server, segment, at: 1 << 20)
    let (status, report) = try verify(server.dataDirectory)
    #expect(status == .corruption)
    let found = findings(report, "corruption")
    #expect(found.count == 1)
    #expect(found.first?["file"] as? String == segment)
    #expect(report["pages"] as? Int == 159)
  }

  private func manifest(_ server: LocalServer) throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: server.dataDirectory)
    return try #require(names.first { $0.hasPrefix("MANIFEST") })
  }

  /// Where the damage goes: a negative offset counts from the end of the file.
  @Test(arguments: [
    ("segments", 20), ("segments", 4096), ("segments", -4096), ("segments", -8192 + 30),
    ("tables", 40), ("MANIFEST", 60), ("NAMESPACES", 20), ("CURRENT", 2),
  ])
  func `One bit of a header, footer, table or manifest is found`(kind: String, at: Int) throws {
    let server = try store()
    let file =
      switch kind {
      case "segments", "tables": try #require(try files(server, kind).first)
      case "MANIFEST": try manifest(server)
      default: kind
      }
    let path = URL(fileURLWithPath: "\(server.dataDirectory)/\(file)")
    let size = try Data(contentsOf: path).count
    try damage(server, file, at: at < 0 ? size + at : at)
    let (status, report) = try verify(server.dataDirectory)
    #expect(status == .corruption, "\(file) at \(at): \(report)")
  }

  @Test(arguments: ["segments", "tables", "MANIFEST"])
  func `A missing file is found`(kind: String) throws {
    let server = try store()
    let victim =
      kind == "MANIFEST" ? try manifest(server) : try #require(try files(server, kind).first)
    try FileManager.default.removeItem(atPath: "\(server.dataDirectory)/\(victim)")
    let (status, report) = try verify(server.dataDirectory)
    #expect(status == .corruption, "\(victim)")
    let words = findings(report, "corruption").compactMap { $0["what"] as? String }
    #expect(words.contains { $0.contains("missing") })
  }

  @Test func `What a crash may leave is a note, not corruption`() throws {
    let server = try store()
    let stray = try Data(contentsOf: URL(fileURLWithPath: #filePath))
    for name in ["tables/00000000000000ff.sst", "segments/notes.txt"] {
      try stray.write(to: URL(fileURLWithPath: "\(server.dataDirectory)/\(name)"))
    }
    let (status, report) = try verify(server.dataDirectory)
    #expect(status == .success)
    #expect(findings(report, "note").count == 2, "\(report)")
  }

  @Test func `A directory in use is 1, none at all is 3`() throws {
    let server = try LocalServer()
    let used = runTool(["verify", server.dataDirectory])
    #expect(used.status == .error)
    #expect(used.errors.contains("stop the daemon first"))
    #expect(runTool(["verify", server.folder.path]).status == .notFound)
    #expect(runTool(["verify", server.folder.path + "/none"]).status == .notFound)
  }
}
