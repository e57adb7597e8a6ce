import Foundation
import Testing
import VarveBase

@testable import varvectl

/// The commands against a whole daemon.
struct DaemonCommandTests {
  private static let first = String(repeating: "01", count: 32)
  private static let second = String(repeating: "02", count: 32)

  @Test func `A page that was put is looked up and got, byte for byte`() throws {
    let server = try LocalServer()
    let content = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let input = try server.folder.file("in", content)
    let put = server.run(
      "put", "--namespace", "n", Self.first, Self.second, "--file", input, "--durable", "--json")
    #expect(put.status == .success, "\(put.errors)")
    let pages = try #require(try object(put.output)["pages"] as? [[String: Any]])
    #expect(pages.map { $0["status"] as? String } == ["STORED", "STORED"])
    #expect(pages.map { $0["bytes"] as? Int } == [5000, 5000])

    let lookup = server.run("lookup", "--namespace", "n", Self.first, Self.second, "--exact")
    #expect(lookup.status == .success)
    #expect(lookup.output == "2 of 2 pages are stored as a prefix, 9.77 KiB\n")

    let output = server.folder.path + "/out"
    let get = server.run("get", "--namespace", "n", Self.first, Self.second, "-o", output, "--json")
    #expect(get.status == .success, "\(get.errors)")
    #expect(try object(get.output)["got_bytes"] as? Int == 10_000)
    #expect(try Data(contentsOf: URL(fileURLWithPath: output)) == Data(content))
    #expect(!FileManager.default.fileExists(atPath: output + ".part"))

    let again = server.run("put", "--namespace", "n", Self.first, "--file", output)
    #expect(again.status == .error)
    #expect(again.output.contains("SIZE_CONFLICT"))
    #expect(again.errors.contains("1 of 1 pages were not stored: SIZE_CONFLICT"))
  }

  @Test func `Tokens name the same pages as their ids`() throws {
    let server = try LocalServer()
    let input = try server.folder.file("in", [UInt8](repeating: 7, count: 64))
    let tokens = ["--tokens", "1,2,3,4,5", "--page-tokens", "2"]
    let put = runTool(
      ["put", "--namespace", "n", "--file", input, "--endpoint", server.endpoint] + tokens)
    #expect(put.status == .success, "\(put.errors)")
    let ids = PageID.chain(tokens: [1, 2, 3, 4, 5], pageTokens: 2).map(\.hex)
    #expect(server.run("get", "--namespace", "n", ids[0], ids[1]).status == .success)
    let seeded = server.run(
      "lookup", "--namespace", "n", "--tokens", "3,4", "--page-tokens", "2", "--seed", ids[0])
    #expect(seeded.status == .success)
  }

  @Test func `What is not there is 3, and a run that ends early tells where`() throws {
    let server = try LocalServer()
    #expect(server.run("lookup", "--namespace", "none", Self.first).status == .notFound)
    #expect(server.run("get", "--namespace", "none", Self.first).status == .notFound)
    let input = try server.folder.file("in", "page")
    #expect(
      server.run("put", "--namespace", "n", Self.first, "--file", input, "--must-exist").status
        == .notFound)
    #expect(server.run("put", "--namespace", "n", Self.first, "--file", input).status == .success)

    let present = server.run(
      "lookup", "--namespace", "n", Self.second, Self.first, "--present")
    #expect(present.status == .notFound)
    #expect(present.output.contains("\(Self.second)  missing\n\(Self.first)  stored\n"))

    let output = server.folder.path + "/out"
    let get = server.run("get", "--namespace", "n", Self.first, Self.second, "-o", output)
    #expect(get.status == .notFound)
    #expect(get.errors.contains("got 1 of 2 pages: \(Self.second) is not stored in n"))
    #expect(try String(contentsOfFile: output, encoding: .utf8) == "page")

    let nothing = server.folder.path + "/nothing"
    #expect(
      server.run("get", "--namespace", "n", Self.second, "-o", nothing).status == .notFound)
    #expect(!FileManager.default.fileExists(atPath: nothing))
  }

  @Test func `What is no plain file is written to and stays what it is`() throws {
    let server = try LocalServer()
    let input = try server.folder.file("in", "page")
    #expect(server.run("put", "--namespace", "n", Self.first, "--file", input).status == .success)
    let pipe = server.folder.path + "/pipe"
    #expect(unsafe mkfifo(pipe, 0o600) == 0)
    let descriptor = unsafe open(pipe, O_RDWR | O_NONBLOCK)
    defer { close(descriptor) }
    #expect(server.run("get", "--namespace", "n", Self.first, "-o", pipe).status == .success)
    var bytes = [UInt8](repeating: 0, count: 16)
    #expect(unsafe read(descriptor, &bytes, 16) == 4)
    #expect(Array(bytes[..<4]) == Array("page".utf8))
    let kind = try FileManager.default.attributesOfItem(atPath: pipe)[.type]
    #expect(kind as? FileAttributeType != .typeRegular)
  }

  @Test func `A page damaged on the daemon's disk is 5, and what is before it is kept`() throws {
    let server = try LocalServer()
    let content = (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    let input = try server.folder.file("in", content)
    let put = server.run("put", "--namespace", "n", Self.first, Self.second, "--file", input)
    #expect(put.status == .success, "\(put.errors)")
    server.stop()
    let segments = server.dataDirectory + "/segments"
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: segments).first)

    // Damaged after the start, which would have dropped the page, and before it is in memory.
    let again = try LocalServer(folder: server.folder)
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: "\(segments)/\(name)"))
    try file.seek(toOffset: 500_000)
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: 500_000)
    try file.write(contentsOf: Data([byte ^ 1]))
    try file.close()

    let output = server.folder.path + "/out"
    let get = again.run("get", "--namespace", "n", Self.first, Self.second, "-o", output)
    #expect(get.status == .corruption, "\(get.errors)")
    #expect(get.errors.contains("got 1 of 2 pages: \(Self.second) cannot be read"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: output)) == Data(content[..<300_000]))
  }

  @Test func `A file that cannot be read or written is 1 and named`() throws {
    let server = try LocalServer()
    let missing = server.folder.path + "/no/file"
    let put = server.run("put", "--namespace", "n", Self.first, "--file", missing)
    #expect(put.status == .error)
    #expect(put.errors.contains(missing))
    let get = server.run("get", "--namespace", "n", Self.first, "-o", missing)
    #expect(get.status == .error)
    #expect(get.errors.contains(missing))
  }

  @Test func `Namespaces are created, shown, listed, cleared and dropped`() throws {
    let server = try LocalServer()
    let create = ["namespace", "create", "n", "--page-bytes-max", "1MiB", "--description", "d"]
    let made = runTool(create + ["--json", "--endpoint", server.endpoint])
    #expect(try object(made.output)["created"] as? Bool == true, "\(made.errors)")
    let again = runTool(create + ["--endpoint", server.endpoint])
    #expect(again.output.contains("n was there already"))
    let other = server.run("namespace", "create", "n", "--page-bytes-max", "2MiB")
    #expect(other.status == .error)
    #expect(other.errors.contains("1048576"))

    let input = try server.folder.file("in", "page")
    #expect(server.run("put", "--namespace", "n", Self.first, "--file", input).status == .success)
    let shown = try object(server.run("namespace", "show", "n", "--json").output)
    #expect(shown["pages"] as? Int == 1)
    #expect(shown["page_bytes_max"] as? Int == 1 << 20)
    #expect(shown["description"] as? String == "d")
    #expect(server.run("namespace", "list").output.hasPrefix("NAME"))
    #expect(server.run("namespace").output.contains("n "))

    #expect(server.run("namespace", "clear", "n").output == "n cleared: 1 pages\n")
    #expect(server.run("lookup", "--namespace", "n", Self.first).status == .notFound)
    #expect(server.run("namespace", "drop", "n").output == "n dropped: 0 pages\n")
    #expect(server.run("namespace", "drop", "n").status == .notFound)
    #expect(server.run("namespace", "show", "n").status == .notFound)
    #expect(server.run("namespace", "list").output == "no namespaces\n")
  }

  @Test func `Ping, stats, flush and compact answer people and programs`() throws {
    let server = try LocalServer()
    #expect(server.run("ping").output.contains("3 pings"))
    #expect(try object(server.run("ping", "--count", "1", "--json").output)["count"] as? Int == 1)
    #expect(server.run("stats").output.hasPrefix("varved"))
    let stats = try object(server.run("stats", "--json").output)
    #expect(stats["ready"] as? Bool == true)
    #expect(stats["capacity_bytes"] as? Int == 64 << 20)
    #expect(server.run("flush").output == "flushed\n")
    #expect(try object(server.run("flush", "--json").output)["flushed"] as? Bool == true)
    #expect(server.run("compact").output.hasPrefix("compacted\n"))
    #expect(try object(server.run("compact", "--json").output)["result"] != nil)
    #expect(server.run("compact", "--namespace", "none").status == .notFound)
  }

  @Test func `A progress bar is drawn while compacting where a person looks`() throws {
    let server = try LocalServer()
    let recorded = RecordedConsole()
    let status = CommandLineTool.run(
      ["compact", "--endpoint", server.endpoint], recorded.console(isTerminal: true))
    #expect(status == .success)
    #expect(recorded.errors.hasPrefix("\rcompact "))
    #expect(recorded.errors.hasSuffix("\r\u{1B}[K"))
  }
}
