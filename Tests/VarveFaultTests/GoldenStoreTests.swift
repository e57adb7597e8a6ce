// The golden directories under Tests/Fixtures: written once by a version of the format, read by
// every later one. They are copied before they are opened; nothing here writes to them.

import Foundation
import Testing
import VarveBase
import VarveEngine
import VarveFile

@testable import varvefaults

/// A directory that goes with its owner.
final class ScratchDirectory {
  let path: String

  init() throws {
    let folder = FileManager.default.temporaryDirectory
    path = folder.appendingPathComponent("varve-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct GoldenStoreTests {
  /// One for each released format; a new format adds a name and never touches the old.
  static let versions = ["store-v1", "store-v2", "store-v3"]
  /// Tables of these are not read any more: the index is made anew from the segments.
  static let outdated = ["store-v1", "store-v2"]

  private static func fixture(_ version: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures").appendingPathComponent(version).path
  }

  private func copy(_ version: String) throws -> ScratchDirectory {
    let scratch = try ScratchDirectory()
    try FileManager.default.copyItem(
      atPath: Self.fixture(version), toPath: scratch.path + "/store")
    return scratch
  }

  /// What must be served of a golden store, and what must not.
  private func check(_ store: FaultStore, _ note: String) throws {
    let first = try store.namespace("golden/a")
    let second = try store.namespace("golden/b")
    let kept = Array(GoldenStore.pages(1).prefix(10)) + GoldenStore.pages(4)
    #expect(try store.read(kept, first) == FaultReading(served: 22), "\(note)")
    #expect(try store.read(GoldenStore.pages(3), second) == FaultReading(served: 12), "\(note)")
    #expect(
      try store.read(Array(GoldenStore.pages(1).suffix(2)), first) == FaultReading(),
      "\(note): deleted pages came back")
    #expect(
      try store.read(GoldenStore.pages(2), second) == FaultReading(),
      "\(note): cleared pages came back")
    #expect(store.engine.statistics().pages == 34, "\(note)")
  }

  @Test(arguments: versions) func aGoldenStoreIsServedWhole(version: String) throws {
    let scratch = try copy(version)
    let configuration = FaultStore.configuration(scratch.path + "/store")
    for start in 0..<2 {
      let store = try FaultStore(configuration, files: PosixFileSystem())
      try check(store, "\(version), start \(start)")
      let rebuilds: UInt64 = start == 0 && Self.outdated.contains(version) ? 1 : 0
      #expect(store.engine.counters.rebuilds.current == rebuilds, "\(version), start \(start)")
      try store.engine.flush()
      store.close()
    }
  }

  /// A merge of all tables writes them in the format of now.
  @Test(arguments: versions) func aGoldenStoreIsCompacted(version: String) throws {
    let scratch = try copy(version)
    let configuration = FaultStore.configuration(scratch.path + "/store")
    let store = try FaultStore(configuration, files: PosixFileSystem())
    try store.engine.compact(namespace: nil, indexOnly: true) { _ in true }
    try check(store, "\(version), compacted")
    #expect(try store.engine.brokenInvariant() == nil)
    store.close()
    let again = try FaultStore(configuration, files: PosixFileSystem())
    defer { again.close() }
    try check(again, "\(version), compacted and restarted")
    #expect(try again.engine.brokenInvariant() == nil)
  }

  @Test(arguments: versions) func aGoldenStoreIsRebuiltFromItsSegments(version: String) throws {
    let scratch = try copy(version)
    let directory = scratch.path + "/store"
    try FileManager.default.removeItem(atPath: directory + "/CURRENT")
    let store = try FaultStore(FaultStore.configuration(directory), files: PosixFileSystem())
    defer { store.close() }
    #expect(store.engine.counters.rebuilds.current == 1)
    try check(store, "\(version), rebuilt")
  }

  @Test(arguments: versions) func aGoldenStoreIsDumpedAsItWasWhenItWasMade(version: String) throws {
    let fixture = Self.fixture(version)
    let expected = try String(contentsOfFile: fixture + "/contents.txt", encoding: .utf8)
    #expect(try GoldenStore.text(of: fixture, PosixFileSystem()) == expected)
  }
}
