// `memory_max` as a promise: what the kernel counts for the process stays within it and the fixed
// part that docs/operations.md names, under the load that wants the most; and the ledger's books
// are even afterwards.

import Foundation
import Testing
import VarveBase
import VarveClient
import VarveFile
import VarveServer
import VarveWire

@Suite(.serialized, .enabled(if: DaemonProcess.path != nil, "varved is not built"))
struct MemoryBoundTests {
  private let directory: TemporaryDirectory
  private static let memoryMax = 128 << 20
  /// Code, stacks and allocator, in a debug build. Measured: 87 to 113 MiB alone, 152 MiB beside
  /// all other tests on two processors.
  private static let fixedBytes = 192 << 20

  init() throws { directory = try TemporaryDirectory() }

  private static func residentBytes(_ pid: Int32) -> Int {
    let text = (try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8)) ?? ""
    let fields = text.split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
  }

  /// Ids that nobody else draws; hashing them would be most of the load.
  private static func ids(_ count: Int, _ dice: inout SeededGenerator) -> [PageID] {
    (0..<count).map { _ in PageID(dice.next(), dice.next(), dice.next(), dice.next()) }
  }

  private static func connection(_ endpoint: Endpoint) throws -> (client: Client, id: UInt32) {
    let client = try Client(endpoint, options: ClientOptions(timeoutMillis: 60_000))
    return (client, try client.openNamespace("n").namespaceID)
  }

  /// What takes memory: puts of large pages and of small ones, gets of them, look-ups and gets of
  /// the most pages a call may name.
  private static func load(_ endpoint: Endpoint, _ number: Int, until deadline: UInt64) throws {
    var connected: (client: Client, id: UInt32)?
    var dice = SeededGenerator(seed: UInt64(number))
    let most = Chain(pageIDs: ids(Limits.pagesMax, &dice))
    let page = Pages.bytes(number % 2 == 0 ? 20_000 : 700_000, number)
    while SystemClock().monotonicNanos() < deadline {
      let chain = Chain(pageIDs: ids(24, &dice))
      do {
        let (client, id) = try connected ?? Self.connection(endpoint)
        connected = (client, id)
        _ = try client.put(
          namespaceID: id, chain: chain, pages: Array(repeating: page, count: 24))
        try client.get(GetRequest(namespaceID: id, chain: chain)) { _, _, _ in true }
        _ = try client.lookup(LookupRequest(namespaceID: id, chain: most, wantPresent: true))
        try client.get(GetRequest(namespaceID: id, chain: most, sparse: true)) { _, _, _ in
          false
        }
      } catch ClientError.problem(let problem) where problem.status == .resourceExhausted {
        // Full means a refusal of the call,
      } catch ClientError.goAway(let problem) where problem.status == .resourceExhausted {
        // or, where its message would not fit, of the connection. Anything else is a failure.
        connected = nil
      }
    }
  }

  @Test(.disabled(if: Sanitizer.isPresent, "a sanitizer's own memory would be counted"))
  func theProcessStaysWithinItsMemoryUnderLoad() throws {
    let daemon = try DaemonProcess(
      [
        "--listen", "127.0.0.1:0", "--http", "", "--capacity", "256MiB", "--data-dir",
        directory.path + "/data",
      ], environment: ["VARVE_MEMORY_MAX": "\(Self.memoryMax)"], in: directory.path)
    let line = try #require(daemon.line())
    while let next = daemon.line(), next != "ready" {}
    let endpoint = try Endpoint(String(line.dropFirst("listening on ".count)))
    let deadline = SystemClock().monotonicNanos() + 4_000_000_000
    let failures = Locked<[String]>([])
    let threads = (0..<8).map { number in
      NamedThread("load-\(number)") {
        do { try Self.load(endpoint, number, until: deadline) } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    var resident = 0
    var reserved: UInt64 = 0
    let watcher = try Client(endpoint)
    while SystemClock().monotonicNanos() < deadline {
      let stats = try watcher.stats()
      resident = max(resident, Self.residentBytes(daemon.pid))
      reserved = max(reserved, stats.memoryBytes)
      #expect(stats.memoryBytes <= stats.memoryLimitBytes)
    }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == [])
    print(
      "memory bound: \(resident >> 20) MiB resident, \(reserved >> 20) MiB reserved at most, "
        + "memory_max \(Self.memoryMax >> 20) MiB")
    #expect(resident > Self.memoryMax / 2, "the load was none")
    #expect(resident <= Self.memoryMax + Self.fixedBytes)
    daemon.signal(SIGTERM)
    #expect(daemon.end().code == 0)
  }

  @Test func theLedgerIsEvenWhenTheCallsAreOver() throws {
    let server = try TestServer()
    let endpoint = Endpoint.tcp(host: "127.0.0.1", port: server.port)
    let deadline = SystemClock().monotonicNanos() + 500_000_000
    let failures = Locked<[String]>([])
    let threads = (0..<3).map { number in
      NamedThread("load-\(number)") {
        do { try Self.load(endpoint, number, until: deadline) } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == [])
    let ledger = server.server.ledger
    #expect(server.wait { ledger.bytes(of: .request) == 0 })
    #expect(server.wait { ledger.bytes(of: .connection) == 0 })
    #expect(ledger.totalBytesMax <= ledger.limitBytes)
  }

  /// Gets that their client does not read hold what the engine found for them: a connection's 256
  /// of the longest would be gigabytes.
  @Test func getsThatAreNotReadStayWithinTheLedger() throws {
    let server = try TestServer { $0.drainSeconds = 1 }
    let client = try server.client()
    let id = try client.openNamespace("n").namespaceID
    var dice = SeededGenerator(seed: 1)
    let chain = Chain(pageIDs: Self.ids(Limits.pagesMax, &dice))
    _ = try client.put(
      namespaceID: id, chain: Chain(pageIDs: [chain.pageIDs[0]]), pages: [Pages.bytes(1000, 1)])
    let raw = try server.raw()
    try raw.hello(windowBytes: 1)
    let request = GetRequest(namespaceID: id, chain: chain, sparse: true).encode()
    let gets = 12
    var answered: Set<UInt32> = []
    var refused = 0
    for get in 0..<gets {
      let stream = UInt32(2 * get + 1)
      try raw.send(.request, flags: .last, method: .get, stream: stream, request)
      while !answered.contains(stream) {
        let frame = try raw.frame()
        guard answered.insert(frame.header.stream).inserted, let problem = frame.problem else {
          continue
        }
        #expect(problem.status == .resourceExhausted, "\(problem.message)")
        #expect(problem.limit == "memory_max", "\(problem.message)")
        refused += 1
      }
    }
    let ledger = server.server.ledger
    #expect(refused > 0 && refused < gets, "\(refused) of \(gets) were refused")
    #expect(ledger.bytes(of: .request) > (gets - refused) * Limits.pagesMax * 64)
    // The client grants no window: the gets go with their connection.
    server.stop()
    #expect(server.wait { ledger.bytes(of: .request) == 0 })
  }

  @Test func tooFewDescriptorsAreRefusedNamingBothNumbers() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c", "ulimit -n 700 && exec \"$0\" --check-config", try #require(DaemonProcess.path),
    ]
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let said = String(
      decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 2)
    let need = try ServerConfiguration().descriptorNeed()
    #expect(said.contains("\(need.total) descriptors may be needed"), "\(said)")
    #expect(said.contains("RLIMIT_NOFILE allows 700"), "\(said)")
  }
}
