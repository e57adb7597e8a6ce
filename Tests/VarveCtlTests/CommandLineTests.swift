import ArgumentParser
import Foundation
import Testing
import VarveBase
import VarveClient
import VarveWire

@testable import varvectl

/// Exit codes and sentences with no daemon anywhere.
struct CommandLineTests {
  private static let id = String(repeating: "ab", count: 32)

  @Test(arguments: [
    [], ["bogus"], ["--json"], ["ping", "extra"], ["ping", "--count", "0"],
    ["ping", "--count", "x"],
    ["ping", "--endpoint", "host:99999"], ["ping", "--endpoint", "a:b:c"],
    ["ping", "--endpoint", "unix:"], ["ping", "--timeout", "0"], ["ping", "--timeout", "nan"],
    ["ping", "--token-file", "/nonexistent/token"], ["namespace", "bogus"], ["namespace", "show"],
    ["lookup"], ["lookup", id], ["lookup", "--namespace", "a"],
    ["lookup", "--namespace", "a", "00"], ["lookup", "--namespace", "a", String(id.dropLast())],
    ["lookup", "--namespace", "a", String(id.dropLast()) + "g"],
    ["lookup", "--namespace", "", id], ["lookup", "--namespace", "a", id, "--tokens", "1"],
    ["lookup", "--namespace", "a", "--tokens", "1,2"],
    ["lookup", "--namespace", "a", "--tokens", "1,2", "--page-tokens", "0"],
    ["lookup", "--namespace", "a", "--tokens", "1,2", "--page-tokens", "3"],
    ["lookup", "--namespace", "a", "--tokens", "1,,2", "--page-tokens", "1"],
    ["lookup", "--namespace", "a", "--tokens", "4294967296", "--page-tokens", "1"],
    ["lookup", "--namespace", "a", id, "--page-tokens", "1"],
    ["get", "--namespace", "a", id, "--json"], ["verify"], ["verify", ""], ["replay"],
    ["replay", "t", "--page-bytes", "63"], ["replay", "t", "--page-bytes", "129MiB"],
    ["replay", "t", "--page-bytes", "1 parsec"], ["replay", "t", "--requests", "5"],
    ["replay", "t", "--requests", "5:4"], ["replay", "t", "--connections", "0"],
    ["replay", "t", "--connections", "257"], ["replay", "t", "--put-batch", "0"],
    ["replay", "t", "--python", "p"], ["replay", "t", "--backend", "--connections", "2"],
    ["namespace", "create", "n", "--page-bytes-max", "5GiB"],
  ])
  func `Wrong use is 2, told on standard error alone`(arguments: [String]) {
    let (status, output, errors) = runTool(arguments)
    #expect(status == .usage)
    #expect(output.isEmpty)
    #expect(!errors.isEmpty)
  }

  @Test(arguments: [["--help"], ["help"], ["help", "put"], ["put", "--help"], ["--version"]])
  func `Help and version are results`(arguments: [String]) {
    let (status, output, errors) = runTool(arguments)
    #expect(status == .success)
    #expect(!output.isEmpty)
    #expect(errors.isEmpty)
  }

  @Test(arguments: [
    ["ping"], ["stats"], ["flush"], ["compact"], ["namespace"], ["namespace", "list"],
    ["namespace", "show", "n"], ["namespace", "clear", "n"], ["namespace", "drop", "n"],
    ["lookup", "--namespace", "a", id], ["get", "--namespace", "a", id, "-o", "unused"],
  ])
  func `Nobody listening is 4 with advice, global options before and after`(command: [String]) {
    let folder = try? TemporaryFolder()
    let endpoint = "unix:\(folder?.path ?? "")/none.sock"
    for arguments in [
      command + ["--endpoint", endpoint], ["--endpoint", endpoint] + command,
      command + ["--endpoint", endpoint, "--json"],
    ] {
      let (status, output, errors) = runTool(arguments)
      #expect(status == .unavailable, "\(arguments)")
      #expect(output.isEmpty)
      #expect(errors.contains("cannot connect to \(endpoint)"))
      #expect(errors.contains("is varved running?"))
    }
  }

  @Test func `An unknown trace is 3 and names the folders searched`() {
    let (status, _, errors) = runTool(["replay", "no-such-trace"])
    #expect(status == .notFound)
    #expect(errors.contains("no trace no-such-trace"))
    #expect(errors.contains("VARVE_TRACES"))
  }

  @Test func `The endpoint comes from the option, then VARVE_ENDPOINT, then the default`() throws {
    var options = try GlobalOptions.parse([])
    #expect("\(try options.resolvedEndpoint([:]))" == "127.0.0.1:4770")
    #expect("\(try options.resolvedEndpoint(["VARVE_ENDPOINT": ""]))" == "127.0.0.1:4770")
    #expect("\(try options.resolvedEndpoint(["VARVE_ENDPOINT": "h:1"]))" == "h:1")
    options.endpoint = "[::1]:2"
    #expect("\(try options.resolvedEndpoint(["VARVE_ENDPOINT": "h:1"]))" == "[::1]:2")
    options.endpoint = nil
    #expect(throws: Failure.self) { try options.resolvedEndpoint(["VARVE_ENDPOINT": "h:0"]) }
  }

  @Test func `A token is the first line of its file`() throws {
    let folder = try TemporaryFolder()
    func token(_ text: String) throws -> [UInt8] {
      let path = try folder.file("token", text)
      return try GlobalOptions.parse(["--token-file", path]).clientOptions().token
    }
    #expect(try token("secret\nmore") == Array("secret".utf8))
    #expect(try token("secret\r\n") == Array("secret".utf8))
    #expect(try token(String(repeating: "x", count: 4096)).count == 4096)
    #expect(throws: Failure.self) { try token(String(repeating: "x", count: 4097)) }
    #expect(throws: Failure.self) { try token("\n") }
  }

  @Test(arguments: [
    (ClientError.address("x"), varvectl.ExitStatus.usage), (.invalidRequest("x"), .usage),
    (.connect(endpoint: "e", reason: "r"), .unavailable), (.connectionLost("x"), .unavailable),
    (.timeout(doing: "x", millis: 1), .unavailable),
    (.problem(Problem(.notFound, "m")), .notFound),
    (.problem(Problem(.unavailable, "m")), .unavailable),
    (.goAway(Problem(.unavailable, "m")), .unavailable),
    (.problem(Problem(.dataLoss, "m")), .corruption),
    (.checksumMismatch(page: 1, expected: 2, found: 3), .corruption),
    (.problem(Problem(.invalidArgument, "m")), .error),
    (.problem(Problem(.resourceExhausted, "m")), .error),
    (.goAway(Problem(.unauthenticated, "m")), .error), (.protocolViolation("x"), .error),
  ])
  func `Every trouble with a daemon has its exit code`(
    error: ClientError, status: varvectl.ExitStatus
  ) throws {
    let failure = Failure(error, endpoint: try Endpoint("h:1"))
    #expect(failure.status == status)
    #expect(!failure.sentence.isEmpty)
  }

  @Test func `One input is cut into equal pages, many are a page each`() throws {
    #expect(try PutCommand.split([[1, 2, 3, 4]], pageCount: 2) == [[1, 2], [3, 4]])
    #expect(try PutCommand.split([[1], [2, 3]], pageCount: 2) == [[1], [2, 3]])
    #expect(try PutCommand.split([[1, 2]], pageCount: 1) == [[1, 2]])
    for (inputs, count) in [([[1, 2, 3]], 2), ([[]], 1), ([[1], [2], [3]], 2), ([[1], []], 2)]
      as [([[UInt8]], Int)]
    {
      #expect(throws: (any Error).self) { try PutCommand.split(inputs, pageCount: count) }
    }
  }
}
