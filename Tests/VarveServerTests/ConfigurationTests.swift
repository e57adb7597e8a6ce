// The configuration: sizes, addresses, keys, what wins over what, and every refusal with its words.

import Foundation
import Testing
import VarveBase
import VarveServer

@Suite struct ConfigurationTests {
  @Test(arguments: [
    ("0", 0 as UInt64?), ("4096", 4096), ("1KiB", 1024), ("10 MiB", 10 << 20), ("3gib", 3 << 30),
    ("2TiB", 2 << 40), ("12B", 12), ("8388607TiB", 8_388_607 << 40), ("8388608TiB", nil), ("", nil),
    ("MiB", nil), ("1.5GiB", nil), ("-1", nil), ("1KB", nil), ("0x10", nil),
    (
      "9223372036854775807",
      UInt64(Int64.max)
    ), ("9223372036854775808", nil),
  ])
  func sizes(_ text: String, _ bytes: UInt64?) { #expect(ByteSize.parse(text) == bytes) }

  @Test func sizesPrintInTheLargestUnit() {
    #expect(ByteSize.text(256 << 20) == "256MiB")
    #expect(ByteSize.text(1000) == "1000")
    #expect(ByteSize.text(0) == "0")
  }

  @Test(arguments: [
    ("127.0.0.1:4770", "127.0.0.1:4770", true), ("[::1]:0", "[::1]:0", true),
    ("[::]:4770", "[::]:4770", false), ("0.0.0.0:1", "0.0.0.0:1", false),
    ("localhost:80", "localhost:80", true), ("unix:/run/v.sock", "unix:/run/v.sock", true),
    ("127.8.9.1:1", "127.8.9.1:1", true), ("example.org:1", "example.org:1", false),
  ])
  func addresses(_ text: String, _ shown: String, _ isLoopback: Bool) throws {
    let address = try ListenAddress(text)
    #expect("\(address)" == shown)
    #expect(address.isLoopback == isLoopback)
  }

  @Test(arguments: [
    "", "4770", "host", ":4770", "host:", "host:x", "host:65536", "::1:4770", "[::1:4770", "[]:1",
    "unix:", "unix:/" + String(repeating: "p", count: 107),
  ])
  func addressesRefused(_ text: String) {
    #expect(throws: ConfigurationProblem.self) { try ListenAddress(text) }
  }

  @Test func theLongestUnixPathIsTaken() throws {
    _ = try ListenAddress("unix:/" + String(repeating: "p", count: 106))
  }

  @Test func flagsWinOverVariablesWinOverTheFile() throws {
    var sources = ConfigurationSources()
    sources.filePath = "f.toml"
    sources.file = [
      ("capacity", .text("1GiB")), ("data_dir", .text("/file")), ("drain_seconds", .integer(3)),
    ]
    sources.environment = [
      "VARVE_CAPACITY": "2GiB", "VARVE_DATA_DIR": "/variable", "VARVE_SEED": "17",
      "VARVE_LISTEN": "127.0.0.1:1, unix:/run/v.sock",
    ]
    sources.flags = [("capacity", .text("3GiB"))]
    let merged = try sources.merged()
    #expect(merged.capacityBytes == 3 << 30)
    #expect(merged.dataDirectory == "/variable")
    #expect(merged.drainSeconds == 3)
    #expect(merged.listen == [.tcp(host: "127.0.0.1", port: 1), .unix(path: "/run/v.sock")])
  }

  @Test func variablesReplaceDots() {
    #expect(ConfigurationKey.named("tls.client_ca")?.variable == "VARVE_TLS_CLIENT_CA")
  }

  @Test(
    arguments: [
      ("capasity", .text("1GiB"), "v.toml: unknown key \"capasity\""),
      ("capacity", .text("ten"), "v.toml: capacity = \"ten\" is not a size"),
      ("capacity", .integer(-1), "capacity = -1 is not a size"),
      ("capacity", .other("1.5"), "capacity = 1.5 is not a size"),
      ("capacity", .text("16MiB"), "capacity 16777216 is below 33554432"),
      ("segment_bytes", .text("512MiB"), "segment_bytes 536870912 is over the limit of 268435456"),
      ("segment_bytes", .integer(4_194_305), "segment_bytes 4194305 must be a multiple of 4096"),
      ("memory_max", .text("1MiB"), "memory_max 1048576 is below the least"),
      ("memory_max", .integer((64 << 20) - 1), "memory_max 67108863 is below the least"),
      ("log_level", .text("loud"), "log_level = \"loud\" is none of trace, debug"),
      (
        "sync_interval_ms", .integer(0),
        "sync_interval_ms = 0 must be a whole number from 1 to 1000"
      ),
      ("sync_interval_ms", .integer(1001), "must be a whole number from 1 to 1000"),
      ("io_threads", .integer(65), "io_threads = 65 must be a whole number from 1 to 64"),
      ("connections_max", .integer(1025), "connections_max = 1025 must be"),
      ("insecure", .text("maybe"), "insecure = \"maybe\" must be true or false"),
      ("data_dir", .integer(5), "data_dir = 5 is not a text"),
      ("data_dir", .text(""), "data_dir is empty"),
      ("listen", .list([]), "listen names no address"),
      ("listen", .list([.integer(5)]), "listen = 5 is not a text"),
      ("listen", .list([.text("0.0.0.0:4770")]), "set insecure = true"),
      ("http", .text("[::]:4771"), "set insecure = true"),
      ("tls.cert", .text("c.pem"), "tls.cert is not supported by this version"),
      ("tls.key", .text("k.pem"), "tls.key is not supported by this version"),
      ("tls.client_ca", .text("a.pem"), "tls.client_ca is not supported by this version"),
      ("tokens_file", .text("t"), "tokens_file is not supported by this version"),
    ] as [(String, ConfigurationValue, String)])
  func refusals(_ key: String, _ value: ConfigurationValue, _ words: String) throws {
    var sources = ConfigurationSources()
    sources.filePath = "v.toml"
    sources.file = [(key, value)]
    let problem = #expect(throws: ConfigurationProblem.self) { try sources.merged() }
    #expect(problem?.message.contains(words) == true, "\(problem?.message ?? "none")")
  }

  @Test func limitsAreTakenAtTheirEdges() throws {
    var sources = ConfigurationSources()
    sources.file = [
      ("sync_interval_ms", .integer(1)), ("io_threads", .integer(64)),
      ("connections_max", .integer(1024)), ("memory_max", .text("64MiB")),
      ("segment_bytes", .text("4MiB")), ("capacity", .text("32MiB")), ("http", .text("")),
      ("insecure", .flag(true)), ("listen", .list([.text("0.0.0.0:4770")])),
      ("tls.cert", .text("")),
    ]
    let merged = try sources.merged()
    #expect(merged.http == nil)
    #expect(merged.insecure)
  }

  @Test func memoryIsSplitWithinItsTotal() throws {
    for total: UInt64 in [64 << 20, 1 << 30, 100 << 30] {
      let split = try MemorySplit(totalBytes: total)
      let fixed = split.arenaBytes + split.stagingBytes + split.blockCacheBytes
      let free = Int(total) - fixed - 2 * split.memtableBytes
      // What is left must hold the longest message.
      #expect(free >= Limits.messageBytesMax)
      #expect(split.arenaBytes % Limits.blockBytes == 0)
    }
  }

  /// `config/varved.toml` shows every key with the default of the code, and no other key.
  @Test func theCommentedFileTellsTheDefaults() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("config/varved.toml")
    let text = try String(contentsOf: path, encoding: .utf8)
    var table = ""
    var shown: [String: String] = [:]
    for line in text.split(separator: "\n") {
      if line.hasPrefix("[") { table = line.dropFirst().dropLast() + "." }
      guard line.hasPrefix("# "), let equals = line.range(of: " = ") else { continue }
      let key = String(line[line.index(line.startIndex, offsetBy: 2)..<equals.lowerBound])
      // Prose with " = " in it has spaces before it.
      if !key.contains(" ") { shown[table + key] = String(line[equals.upperBound...]) }
    }
    let defaults = Dictionary(
      uniqueKeysWithValues: ConfigurationKey.all.map { ($0.name, $0.defaultText) })
    #expect(shown == defaults)
  }

  @Test func theDefaultTextsAreTheDefaults() throws {
    let plain = ServerConfiguration()
    #expect(plain.listen.map { "\($0)" } == ["127.0.0.1:4770"])
    #expect(plain.http.map { "\($0)" } == "127.0.0.1:4771")
    #expect(ByteSize.text(plain.capacityBytes) == "10GiB")
    var sources = ConfigurationSources()
    for key in ConfigurationKey.all {
      let text = key.defaultText
      if text.hasPrefix("\"") {
        sources.file.append((key.name, .text(String(text.dropFirst().dropLast()))))
      } else if let number = Int64(text) {
        sources.file.append((key.name, .integer(number)))
      } else if text == "true" || text == "false" {
        sources.file.append((key.name, .flag(text == "true")))
      }
    }
    let merged = try sources.merged()
    #expect("\(merged)" == "\(plain)")
  }
}
