// `varved` from outside: lines, exit codes, one clear sentence for each failure, signals.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveServer
import VarveWire

@Suite(.serialized, .enabled(if: DaemonProcess.path != nil, "varved is not built"))
struct DaemonTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func daemon(
    _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> DaemonProcess {
    try DaemonProcess(arguments, environment: environment, in: directory.path)
  }

  private var serving: [String] {
    [
      "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--capacity", "64MiB", "--data-dir",
      directory.path + "/data",
    ]
  }

  private func write(_ text: String) throws -> String {
    let path = directory.path + "/varved.toml"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test func itSaysWhereItListensThenReadyAndStopsWhenAsked() throws {
    let socket = "unix:\(directory.path)/s"
    let daemon = try daemon(serving + ["--listen", socket])
    let first = try #require(daemon.line())
    #expect(first.hasPrefix("listening on 127.0.0.1:"))
    #expect(daemon.line() == "listening on \(socket)")
    let http = try #require(daemon.line())
    #expect(http.hasPrefix("http on 127.0.0.1:"))
    #expect(daemon.line() == "ready")
    let client = try Client(Endpoint(String(first.dropFirst("listening on ".count))))
    try client.ping()
    let second = try self.daemon(serving).end()
    #expect(second.code == 3, "\(second.errors)")
    #expect(second.errors.contains("is held by another process"))
    daemon.signal(SIGTERM)
    let end = daemon.end()
    #expect(end.code == 0, "\(end.errors)")
    #expect(end.output.isEmpty)
    #expect(end.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("<") }, "\(end.errors)")
    #expect(!FileManager.default.fileExists(atPath: directory.path + "/s"))
  }

  @Test func aSecondSignalEndsItAtOnce() throws {
    let daemon = try daemon(serving, ["VARVE_DRAIN_SECONDS": "3600"])
    let line = try #require(daemon.line())
    while let next = daemon.line(), next != "ready" {}
    let endpoint = try Endpoint(String(line.dropFirst("listening on ".count)))
    guard case .tcp(_, let port) = endpoint else { return }
    // A put left open keeps the drain waiting.
    let id = try Client(endpoint).openNamespace("n").namespaceID
    let raw = try RawClient(port: port)
    try raw.hello()
    try raw.beginPut(namespaceID: id)
    daemon.signal(SIGTERM)
    #expect(try raw.frame().header.type == .goAway)
    daemon.signal(SIGINT)
    #expect(daemon.end().code == 1)
  }

  @Test func anAddressInUseIsExitCodeFour() throws {
    let taken = try Listener(
      .tcp(host: "127.0.0.1", port: 0), queue: DispatchQueue(label: "test"))
    defer { taken.close() }
    let end = try daemon(["--listen", "\(taken.address)", "--http", ""]).end()
    #expect(end.code == 4)
    #expect(end.errors == "varved: \(taken.address) is in use by another process\n")
    #expect(end.output.isEmpty)
  }

  @Test(arguments: [
    (["--capacity", "lots"], "--capacity: capacity = \"lots\" is not a size"),
    (["--capacity", "1MiB"], "capacity 1048576 is below"),
    (["--listen", "0.0.0.0:0"], "insecure = true"),
    (["--listen", "nowhere"], "--listen: address \"nowhere\" is none of"),
    (["--config", "/no/such/file.toml"], "/no/such/file.toml: cannot be read"),
    (["--no-such-flag"], "Unknown option '--no-such-flag'"),
    (["surplus"], "Unexpected argument"),
  ])
  func usageErrorsAreExitCodeTwo(_ arguments: [String], _ words: String) throws {
    let end = try daemon(arguments).end()
    #expect(end.code == 2)
    #expect(end.errors.contains(words), "\(end.errors)")
    #expect(end.output.isEmpty)
  }

  @Test(arguments: [
    ("capasity = 5", "unknown key \"capasity\""),
    ("[tls]\ncert = \"c.pem\"", "tls.cert is not supported by this version"),
    ("[tls]\ncerts = \"c.pem\"", "unknown key \"tls.certs\""),
    ("capacity = ", "line 1"), ("capacity = 1.5", "is not a size"),
    ("listen = 5", "listen = 5 is not a list"), ("insecure = \"yes\"", "must be true or false"),
    ("data_dir = 2026-01-01", "is not a text"),
  ])
  func aBadFileIsNamedWithItsKey(_ text: String, _ words: String) throws {
    let path = try write(text)
    let end = try daemon(["--config", path, "--check-config"]).end()
    #expect(end.code == 2)
    #expect(end.errors.hasPrefix("varved: \(path): "), "\(end.errors)")
    #expect(end.errors.contains(words), "\(end.errors)")
    #expect(end.errors.split(separator: "\n").count == 1)
  }

  @Test func flagsWinOverVariablesWinOverTheFile() throws {
    let path = try write("capacity = \"1MiB\"\n")
    func code(_ arguments: [String], _ environment: [String: String] = [:]) throws -> Int32 {
      try daemon(["--config", path, "--check-config"] + arguments, environment).end().code
    }
    #expect(try code([]) == 2)
    #expect(try code([], ["VARVE_CAPACITY": "1GiB"]) == 0)
    #expect(try code(["--capacity", "2MiB"], ["VARVE_CAPACITY": "1GiB"]) == 2)
    #expect(try code(["--capacity", "2GiB"], ["VARVE_NOTHING": "x"]) == 0)
  }

  @Test func theFileOfTheProjectCanBeUsed() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let file = root.appendingPathComponent("config/varved.toml").path
    let end = try daemon(["--config", file, "--check-config"]).end()
    #expect(end.code == 0, "\(end.errors)")
  }

  @Test func versionAndHelpGoToStandardOutput() throws {
    let version = try daemon(["--version"]).end()
    #expect(version.code == 0)
    #expect(version.output == "varved \(Version.text)\n")
    let help = try daemon(["--help"]).end()
    #expect(help.code == 0)
    for flag in ["--config", "--data-dir", "--listen", "--http", "--capacity", "--check-config"] {
      #expect(help.output.contains(flag))
    }
  }

  @Test func aDirectoryThatCannotBeUsedIsExitCodeThree() throws {
    let file = directory.path + "/file"
    try "".write(toFile: file, atomically: true, encoding: .utf8)
    let arguments = ["--listen", "127.0.0.1:0", "--http", "", "--capacity", "64MiB"]
    let end = try daemon(arguments + ["--data-dir", file + "/below"]).end()
    #expect(end.code == 3)
    #expect(end.errors.contains(file + "/below"), "\(end.errors)")
  }

  @Test func aReserveThatTheDiskLacksIsSaidAndReadsGoOn() throws {
    let daemon = try daemon(serving, ["VARVE_MIN_FREE": "4194304TiB"])
    while let next = daemon.line(), next != "ready" {}
    daemon.signal(SIGTERM)
    let end = daemon.end()
    #expect(end.code == 0)
    #expect(end.errors.contains("min_free"), "\(end.errors)")
  }

  /// Starts a daemon that serves, with its client.
  private func started(_ arguments: [String]) throws -> (DaemonProcess, Client) {
    let daemon = try daemon(arguments)
    let line = try #require(daemon.line())
    while let next = daemon.line(), next != "ready" {}
    return (daemon, try Client(Endpoint(String(line.dropFirst("listening on ".count)))))
  }

  private func stop(_ daemon: DaemonProcess, _ client: Client) {
    client.close()
    daemon.signal(SIGTERM)
    #expect(daemon.end().code == 0)
  }

  private func aside() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory.path)
      .filter { $0.hasPrefix("data.aside-") }.sorted()
  }

  @Test func startEmptyMovesTheStoreAside() throws {
    let (first, client) = try started(serving)
    _ = try client.openNamespace("old")
    // Another daemon's store is not moved under its feet.
    let refused = try daemon(serving + ["--start-empty"]).end()
    #expect(refused.code == 3)
    #expect(refused.errors.contains("is held by another process"), "\(refused.errors)")
    stop(first, client)
    // A path may end in a slash.
    let (second, later) = try started(
      serving.dropLast() + [directory.path + "/data/", "--start-empty"])
    #expect(try later.listNamespaces().isEmpty)
    _ = try later.openNamespace("new")
    stop(second, later)
    // What was moved is a store like any other, and the new one is kept by a plain start.
    let moved = try #require(try aside().first)
    for (path, name) in [(moved, "old"), ("data", "new")] {
      let (daemon, client) = try started(serving.dropLast() + [directory.path + "/" + path])
      #expect(try client.listNamespaces().map(\.name) == [name])
      stop(daemon, client)
    }
  }

  @Test func anUnknownVersionIsExitCodeThreeAndStartEmptyGoesOn() throws {
    let (first, client) = try started(serving)
    _ = try client.openNamespace("old")
    stop(first, client)
    let path = directory.path + "/data/NAMESPACES"
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    bytes.storeLE(UInt32(9), at: 8)
    let checksum = CRC32C.checksum(
      Array(bytes[20...]), seed: CRC32C.checksum(Array(bytes[0..<16])))
    bytes.storeLE(checksum, at: 16)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let end = try daemon(serving).end()
    #expect(end.code == 3)
    #expect(
      end.errors.contains(
        "varved: \(path) has format version 9 and this daemon reads 1: use the release that wrote "
          + "it, or --start-empty"), "\(end.errors)")
    let (second, later) = try started(serving + ["--start-empty"])
    #expect(try later.listNamespaces().isEmpty)
    stop(second, later)
    let moved = directory.path + "/" + (try #require(try aside().first)) + "/NAMESPACES"
    #expect(try Data(contentsOf: URL(fileURLWithPath: moved)) == Data(bytes))
  }

  @Test func theServiceManagerIsTold() throws {
    let path = directory.path + "/notify"
    let manager = try NotifyReceiver(path)
    let daemon = try daemon(serving, ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"])
    #expect(manager.next() == "READY=1")
    #expect(manager.next() == "WATCHDOG=1")
    #expect(manager.next() == "WATCHDOG=1")
    daemon.signal(SIGTERM)
    var word = manager.next()
    while word == "WATCHDOG=1" { word = manager.next() }
    #expect(word == "STOPPING=1")
    #expect(daemon.end().code == 0)
  }
}
