// The few things that end a start: another release's file, the other byte order, a lock that is
// held, what the system forbids. Each names the file, and pages and tables stay as they are.

import Testing
import VarveBase
import VarveFile

@testable import VarveEngine

@Suite struct EngineRefusalTests {
  /// A store at rest with a sealed segment, a table, a manifest and its copy of the namespaces.
  private func store() throws -> (TestStore, MemoryFileSystem) {
    let files = MemoryFileSystem()
    let store = try TestStore(files: files)
    let pages = chain(5, 4).map { TestPage($0, bytes: 9000) }
    _ = try store.put(pages, namespace: try store.namespace(), durable: true)
    try store.engine.flush()
    try store.reopen()
    store.close()
    return (store, files)
  }

  private func path(_ kind: String, _ files: MemoryFileSystem) throws -> String {
    let (folder, prefix) =
      switch kind {
      case "segment": ("/data/segments/", "")
      case "table": ("/data/tables/", "")
      case "manifest": ("/data/", "MANIFEST")
      default: ("/data/", kind)
      }
    let names = try files.list(String(folder.dropLast())).filter { $0.hasPrefix(prefix) }
    return folder + (try #require(names.first))
  }

  /// The file as a later release would write it, and the version that it names.
  private func ofALaterRelease(_ kind: String, _ bytes: [UInt8], _ path: String) throws -> [UInt8] {
    var bytes = bytes
    switch kind {
    case "segment":
      bytes.storeLE(SegmentHeader.version + 1, at: 8)
      bytes.storeLE(CRC32C.checksum(Array(bytes[0..<60])), at: 60)
    case "table":
      let name = String(path.split(separator: "/")[2])
      let number = try #require(TableFormat.number(ofName: name))
      let size = UInt64(bytes.count)
      var footer = try TableFooter(
        tail: Array(bytes.suffix(64)), number: number, size: size, file: path)
      footer.version = TableFormat.version + 1
      bytes.replaceSubrange((bytes.count - 64)..., with: footer.bytes(at: size - 64))
    case "manifest":
      bytes.storeLE(UInt32(2), at: 8)
      bytes.storeLE(CRC32C.checksum(Array(bytes[0..<36])), at: 36)
    default:
      bytes.storeLE(UInt32(2), at: 8)
      let checksum = CRC32C.checksum(
        Array(bytes[20...]), seed: CRC32C.checksum(Array(bytes[0..<16])))
      bytes.storeLE(checksum, at: 16)
    }
    return bytes
  }

  @Test(arguments: ["segment", "table", "manifest", "NAMESPACES"])
  func aFileOfALaterReleaseEndsTheStartAndIsLeftAlone(kind: String) throws {
    let (store, files) = try store()
    let path = try path(kind, files)
    let later = try ofALaterRelease(kind, try files.readAll(path), path)
    try files.remove(path)
    try files.writeAll(path, later)
    let error = #expect(throws: EngineOpenError.self) { try store.reopen() }
    guard case .unknownVersion(path, let found, let supported)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(found == supported + 1)
    #expect(try files.readAll(path) == later)
  }

  /// What an older release's tables say is in the segments as well: they are not read, and go.
  @Test func tablesOfAnOlderReleaseAreMadeAnew() throws {
    let (store, files) = try store()
    let path = try path("table", files)
    var bytes = try files.readAll(path)
    let name = String(path.split(separator: "/")[2])
    let number = try #require(TableFormat.number(ofName: name))
    let size = UInt64(bytes.count)
    var footer = try TableFooter(
      tail: Array(bytes.suffix(64)), number: number, size: size, file: path)
    footer.version = TableFormat.version - 1
    bytes = [UInt8](repeating: 0xAA, count: bytes.count - 64) + footer.bytes(at: size - 64)
    try files.remove(path)
    try files.writeAll(path, bytes)
    for start in 0..<2 {
      try store.reopen()
      #expect(store.engine.counters.rebuilds.current == (start == 0 ? 1 : 0))
      #expect(store.engine.statistics().pages == 4)
      #expect(try store.engine.brokenInvariant() == nil)
      #expect(try !files.exists(path))
      try store.engine.flush()
      store.close()
    }
  }

  @Test func aHeldLockEndsTheStartAndNamesItsHolder() throws {
    let (store, _) = try store()
    try store.reopen()
    let error = #expect(throws: EngineOpenError.self) {
      _ = try TestStore(store.configuration, files: store.files)
    }
    guard case .locked(let path)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(path.hasPrefix("/data/LOCK ("))
    _ = try store.namespace("goes on")
  }

  @Test func anArenaThatTheLedgerRefusesEndsTheStart() throws {
    let (store, _) = try store()
    store.configuration.arenaBytes = 1 << 30
    let error = #expect(throws: EngineOpenError.self) { try store.reopen() }
    guard case .configuration(let what)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(what.hasPrefix("the page arena of 1073741824 bytes: "), "\(what)")
  }

  @Test(arguments: [
    (FileCall.Kind.lock, "LOCK"), (.open, "CURRENT"), (.open, "MANIFEST"), (.open, "NAMESPACES"),
    (.open, ".sst"), (.open, ".vlog"), (.create, "MANIFEST"), (.list, "tables"),
    (.list, "segments"),
  ])
  func whatTheSystemForbidsEndsTheStart(kind: FileCall.Kind, name: String) throws {
    let (store, files) = try store()
    let before = try files.list("/data/segments") + files.list("/data/tables")
    let rules = FaultRules([FaultRule(kind, path: name, times: .max / 2, .fail(13))])
    let faulty = FaultyFileSystem(files, judge: rules)
    let error = #expect(throws: EngineOpenError.self) {
      _ = try TestStore(store.configuration, files: faulty)
    }
    guard case .io(_, let what)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(what.contains("Permission denied") && what.contains(name), "\(what)")
    #expect(try files.list("/data/segments") + files.list("/data/tables") == before)
    // With leave it starts as if nothing had been.
    try store.reopen()
    #expect(store.engine.statistics().pages == 4)
  }
}
