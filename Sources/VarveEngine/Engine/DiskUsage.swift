// What the data directory really takes: the blocks of its files, asked of the file system. The
// ledger keeps the bound with promises; this is what is there.

internal import VarveBase
internal import VarveFile

/// Blocks by file. One `stat` a file: for people and scrapers, not for the data path.
struct DiskUsage {
  private(set) var totalBytes: UInt64 = 0
  /// By segment number.
  private(set) var segments: [UInt64: UInt64] = [:]

  /// Measures a data directory. Files that go meanwhile, and those that cannot be asked, count 0.
  init(_ files: any FileSystem, directory: String) { add(files, directory) }

  private mutating func add(_ files: any FileSystem, _ directory: String) {
    guard let names = try? files.list(directory) else { return }
    for name in names {
      let path = directory + "/" + name
      if (try? files.isDirectory(path)) == true {
        add(files, path)
        continue
      }
      guard let bytes = try? files.allocatedBytes(path) else { continue }
      totalBytes += bytes
      if let number = SegmentFormat.number(fileName: name) { segments[number] = bytes }
    }
  }
}
