// A whole server in this process: real sockets on port 0, a temporary directory, small sizes.

import Foundation
import Logging
import Testing
import VarveBase
import VarveClient
import VarveEngine
import VarveFile
import VarveServer
import VarveWire

/// A directory that goes away with its owner.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "varve-" + UUID().uuidString.prefix(13)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

final class TestServer {
  let directory: TemporaryDirectory
  let server: Server
  private var isStopped = false

  /// - Parameter opens: false leaves the server bound and recovering.
  /// - Parameter on: the directory of an earlier server, stopped by now.
  /// - Parameter log: gets what the server logs; nil: nobody does.
  /// - Parameter activated: sockets as from a service manager.
  init(
    opens: Bool = true, on earlier: TemporaryDirectory? = nil, log: RecordedLog? = nil,
    activated: [ActivatedSocket] = [],
    _ change: (inout ServerConfiguration) -> Void = { _ in }
  ) throws {
    directory = try earlier ?? TemporaryDirectory()
    var configuration = ServerConfiguration()
    configuration.listen = [.tcp(host: "127.0.0.1", port: 0)]
    configuration.http = .tcp(host: "127.0.0.1", port: 0)
    configuration.dataDirectory = directory.path + "/data"
    configuration.capacityBytes = 64 << 20
    configuration.segmentBytes = 4 << 20
    configuration.memoryMaxBytes = 96 << 20
    configuration.drainSeconds = 5
    change(&configuration)
    try configuration.check()
    var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    if let log { logger = log.logger }
    server = try Server(
      configuration, files: PosixFileSystem(), clock: SystemClock(), logger: logger)
    try server.bind(activated: activated)
    if opens { try server.open() }
  }

  deinit { stop() }

  func stop() {
    guard !isStopped else { return }
    isStopped = true
    server.stop()
  }

  var port: UInt16 {
    guard case .tcp(_, let port)? = server.addresses.first else { return 0 }
    return port
  }

  func client() throws -> Client {
    try Client(
      .tcp(host: "127.0.0.1", port: port), options: ClientOptions(timeoutMillis: 10_000))
  }

  func raw() throws -> RawClient { try RawClient(port: port) }

  /// A namespace with the default options.
  func namespace(_ name: String = "test") throws -> UInt32 {
    try client().openNamespace(name).namespaceID
  }

  /// Waits for a condition, at most ten seconds; false when it did not come about.
  func wait(seconds: UInt64 = 10, _ condition: () -> Bool) -> Bool {
    let deadline = SystemClock().monotonicNanos() + seconds * 1_000_000_000
    while SystemClock().monotonicNanos() < deadline {
      if condition() { return true }
      sched_yield()
    }
    return condition()
  }
}

/// Pages that any test can make and check: ids and bytes from a seed.
enum Pages {
  static func ids(_ count: Int, seed: UInt32 = 1) -> [PageID] {
    PageID.chain(tokens: (0..<UInt32(count)).map { $0 &* 7 &+ seed }, pageTokens: 1)
  }

  static func bytes(_ count: Int, _ seed: Int) -> [UInt8] {
    var state = UInt64(truncatingIfNeeded: seed) &* 0x9e37_79b9_7f4a_7c15 | 1
    // Byte by byte: generic helpers, in a debug build, have all threads wait for one lock of the
    // runtime, under the thread sanitizer for minutes.
    var bytes = [UInt8](repeating: 0, count: count)
    for index in 0..<count {
      let inWord = index % 8
      if inWord == 0 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
      }
      bytes[index] = UInt8(truncatingIfNeeded: state >> (8 * UInt64(inWord)))
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

/// The seed of random tests: printed, and taken from `VARVE_SEED` to replay.
struct SeededGenerator: RandomNumberGenerator {
  let seed: UInt64
  private var state: UInt64

  init(_ name: String) {
    let given = ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap { UInt64($0) }
    self.init(seed: given ?? UInt64.random(in: 1...UInt64.max))
    print("\(name): VARVE_SEED=\(seed)")
  }

  init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
