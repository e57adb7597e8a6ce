// What the tests of varvectl share: a console that remembers, and files that go away.

import Foundation
import Synchronization

@testable import varvectl

/// Remembers what a command wrote.
final class RecordedConsole: Sendable {
  private let written = Mutex((output: [UInt8](), errors: ""))

  var output: String { String(decoding: written.withLock { $0.output }, as: UTF8.self) }
  var errors: String { written.withLock { $0.errors } }

  func console(isTerminal: Bool = false) -> Console {
    Console(
      isTerminal: isTerminal,
      output: { bytes in
        self.written.withLock { $0.output += bytes }
        return true
      },
      errors: { text in self.written.withLock { $0.errors += text } })
  }
}

/// A folder for one test, gone with the value.
final class TemporaryFolder {
  let path: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory.appendingPathComponent(
        "varvectl-\(UUID().uuidString)"
      ).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and tells its path.
  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = path + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }
}

/// Seeds random tests: `VARVE_SEED` replays one.
enum TestSeed {
  static func make() -> UInt64 {
    let named = ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap { UInt64($0) }
    let seed = named ?? UInt64.random(in: .min ... .max)
    print("VARVE_SEED=\(seed)")
    return seed
  }
}

/// Real traces, where they can be had.
enum RealTraces {
  static func path(_ name: String) -> String? {
    let checkout = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().path
    let finder = TraceFinder(
      environment: ProcessInfo.processInfo.environment, checkout: checkout)
    return try? finder.path(of: name)
  }
}
