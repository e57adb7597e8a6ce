// Where tables lie, and what all of them share: the door to the disk, the block cache, the ledger
// and the counters.

package import VarveBase
package import VarveFile

package struct TableDirectory: Sendable {
  package let files: any FileSystem
  /// The directory `tables`, which exists.
  package let path: String
  package let cache: BlockCache
  /// Charged with the index and filter that an open table keeps; nil charges nobody.
  package let ledger: MemoryLedger?
  package let counters: IndexCounters
  /// Data blocks are filled to this.
  package let blockBytes: Int

  package init(
    _ files: any FileSystem, path: String, cache: BlockCache, ledger: MemoryLedger? = nil,
    counters: IndexCounters = IndexCounters(),
    blockBytes: Int = Limits.tableBlockBytes
  ) {
    self.files = files
    self.path = path
    self.cache = cache
    self.ledger = ledger
    self.counters = counters
    self.blockBytes = blockBytes
  }

  package func path(of number: UInt64) -> String { path + "/" + TableFormat.name(number) }

  /// Opens a table that the manifest names and checks that it is the one meant.
  package func open(_ summary: TableSummary) throws(IndexError) -> Table {
    try Table(self, summary)
  }

  /// Removes tables that the manifest does not name: left by a crash. Returns their number.
  @discardableResult
  package func removeStrays(keeping tables: [TableSummary]) throws(IndexError) -> Int {
    let kept = Set(tables.map(\.number))
    var removed = 0
    do throws(FileError) {
      for name in try files.list(path) {
        guard let number = TableFormat.number(ofName: name), !kept.contains(number)
        else { continue }
        try files.remove(path + "/" + name)
        removed += 1
      }
      if removed > 0 { try files.syncDirectory(path) }
    } catch {
      throw .file(error)
    }
    return removed
  }

  /// Removes the file of a table that was never committed, if there is one.
  func removeStray(_ number: UInt64) throws(IndexError) {
    let stray = path(of: number)
    try ManifestStore.wrap { () throws(FileError) in
      if try files.exists(stray) { try files.remove(stray) }
    }
  }

  func writer(
    number: UInt64, names: UInt64, bitsPerName: Double
  ) throws(IndexError) -> TableWriter {
    try TableWriter(
      files, path: path(of: number), number: number, names: Int(clamping: names),
      bitsPerName: bitsPerName, ledger: ledger, blockBytes: blockBytes)
  }
}
