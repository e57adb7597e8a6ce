// Whole small files at once: manifests, CURRENT, configuration. Not for pages.

internal import VarveBase

extension FileSystem {
  /// The file's bytes.
  package func readAll(_ path: String) throws(FileError) -> [UInt8] {
    let file = try open(path, .read(direct: false))
    return try file.readAll()
  }

  /// Writes a new file, durable with its name when the call returns. It must not exist.
  package func writeAll(_ path: String, _ bytes: [UInt8]) throws(FileError) {
    try writeSynced(path, bytes)
    try syncDirectory(parent(of: path))
  }

  /// Replaces (or makes) a file so that a crash leaves the old bytes or the new ones, never a part:
  /// temporary file, sync, rename, directory sync.
  package func replaceAtomically(_ path: String, _ bytes: [UInt8]) throws(FileError) {
    let temporary = path + ".tmp"
    if try exists(temporary) { try remove(temporary) }
    try writeSynced(temporary, bytes)
    try rename(temporary, to: path)
    try syncDirectory(parent(of: path))
  }

  private func writeSynced(_ path: String, _ bytes: [UInt8]) throws(FileError) {
    let file = try open(path, .create(direct: false))
    try file.write(bytes, at: 0)
    try file.sync()
  }
}

extension File {
  package func readAll() throws(FileError) -> [UInt8] {
    let count = Int(try size())
    return try read(count: count, at: 0)
  }

  /// Up to `count` bytes from `offset`, fewer at the end of the file. Only for buffered files.
  package func read(count: Int, at offset: UInt64) throws(FileError) -> [UInt8] {
    guard count > 0 else { return [] }
    var failure: FileError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, got in
      do throws(FileError) {
        got = try unsafe read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes an array. Only for buffered files.
  package func write(_ bytes: [UInt8], at offset: UInt64) throws(FileError) {
    try unsafe bytes.rawSpan.withUnsafeBytes { (raw) throws(FileError) in
      try unsafe write(raw, at: offset)
    }
  }
}

/// The directory a path lies in; "." for a bare name, "/" at the root.
package func parent(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
  let before = String(path[path.startIndex..<slash])
  return before.isEmpty ? "/" : before
}

/// The last part of a path.
package func lastName(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
  return String(path[path.utf8.index(after: slash)...])
}
