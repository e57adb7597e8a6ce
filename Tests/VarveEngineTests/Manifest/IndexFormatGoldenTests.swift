// The hex dumps of docs/index-format.md are what this code writes, byte for byte, and it reads
// them. `VARVE_GOLDEN=write` writes them anew instead of comparing.

import Testing

@testable import VarveBase
@testable import VarveEngine
@testable import VarveFile

#if canImport(Glibc)
  import Glibc
#endif

@Suite(.serialized) struct IndexFormatGoldenTests {
  static let document = "docs/index-format.md"

  /// Compares a dump with the document's, or writes it there.
  private func check(_ name: String, _ dump: String) throws {
    let held = try golden(name, in: Self.document)
    guard unsafe getenv("VARVE_GOLDEN") != nil else {
      #expect(held == dump, "\(name) in \(Self.document)")
      return
    }
    let head = "<!-- golden \(name) -->\n```\n"
    var text = try checkoutFile(Self.document)
    let range = try #require(text.firstRange(of: head + held + "```"))
    text.replaceSubrange(range, with: head + dump + "```")
    var root = parent(of: #filePath)
    for _ in 0..<3 { root = parent(of: root) }
    try PosixFileSystem().replaceAtomically(root + "/" + Self.document, Array(text.utf8))
  }

  /// Ids whose bytes can be found again in a dump: 0x11 32 times, and so on.
  private var first: PageRecord { Make.page(Make.id(0x11), birth: 1, segment: 1, offset: 4096) }
  private var second: PageRecord {
    Make.page(
      Make.id(0x22), birth: 2, segment: 1, offset: 1_052_672,
      at: first.place.next(after: Make.id(0x11)))
  }

  @Test func keys() throws {
    var path: [UInt8] = []
    IndexKey.appendPath(second.name, at: second.place, to: &path)
    var id: [UInt8] = []
    IndexKey.appendID(second.name, to: &id)
    try check("path key", indexHexDump(path))
    try check("id key", indexHexDump(id))
  }

  @Test func `id record`() throws {
    var bytes: [UInt8] = []
    let base = RecordBase(IndexRecord(first))
    IndexRecord(second).appendBody(to: &bytes, under: .id, base: base)
    IndexRecord.appendPlace(second.place, to: &bytes)
    try check("id record", indexHexDump(bytes))
  }

  @Test func table() throws {
    let index = try TestIndex()
    index.active.insert(first)
    index.active.insert(second)
    let gone = PageName(namespace: 1, id: Make.id(0x33))
    index.active.delete(Tombstone(name: gone, sequence: 3, place: first.place))
    try index.flush()
    try check("table", indexHexDump(try index.files.readAll("/tables/0000000000000001.sst")))
    let places = [first.place, second.place]
    let found = try index.walk([first.name.id, second.name.id], from: places[0])
    #expect(found == [first, second])
  }

  @Test func manifest() throws {
    let files = MemoryFileSystem()
    try files.createDirectory("/data")
    let store = try ManifestStore.open(files, directory: "/data", createIfMissing: true)
    var options = NamespaceOptions()
    options.pageTokens = 64
    options.pageBytesMax = 1 << 20
    options.codec = 1
    try store.commit([
      .createNamespace(NamespaceEntry(id: 1, name: "example", options: options)), .addSegment(1),
    ])
    try check("manifest", indexHexDump(try files.readAll("/data/MANIFEST-0000000000000001")))
    try check("namespaces", indexHexDump(try files.readAll("/data/NAMESPACES")))
    let current = String(decoding: try files.readAll("/data/CURRENT"), as: UTF8.self)
    try check("current", current)
  }
}
