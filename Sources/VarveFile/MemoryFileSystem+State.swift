// The in-memory file system's tables and the moves on them, all under its one lock.

extension FileError {
  static func memory(
    _ operation: Operation, _ path: String, _ errno: Int32, offset: UInt64? = nil
  ) -> FileError {
    .system(operation, path: path, errno: errno, offset: offset)
  }
}

extension MemoryFileSystem.State {
  var usedBytes: Int { nodes.values.reduce(0) { $0 + $1.allocatedBytes } }

  /// Numbers the changes of the whole file system, for crashes that cut in their order.
  mutating func nextStamp() -> UInt64 {
    stamp += 1
    return stamp
  }

  mutating func changed(_ path: String) { changedAt[path] = nextStamp() }

  /// Stamps of the oldest and the newest change that no sync covers; nil when all is synced.
  var unsyncedStamps: ClosedRange<UInt64>? {
    var range: ClosedRange<UInt64>?
    func take(_ stamp: UInt64) {
      range = min(range?.lowerBound ?? stamp, stamp)...max(range?.upperBound ?? stamp, stamp)
    }
    for stamp in changedAt.values { take(stamp) }
    for node in nodes.values { for stamp in node.dirty.values { take(stamp) } }
    return range
  }

  func missing(_ operation: FileError.Operation, _ path: String) -> FileError {
    .memory(operation, path, Errno.notFound)
  }

  func requireParent(_ operation: FileError.Operation, _ path: String) throws(FileError) {
    if !directories.contains(parent(of: path)) { throw missing(operation, path) }
  }

  func node(_ path: String) throws(FileError) -> MemoryNode {
    guard let number = entries[path], let node = nodes[number] else {
      throw missing(.status, path)
    }
    return node
  }

  mutating func create(_ path: String) throws(FileError) -> Int {
    try requireParent(.create, path)
    guard entries[path] == nil, !directories.contains(path) else {
      throw .memory(.create, path, Errno.exists)
    }
    let number = nextNode
    nextNode += 1
    nodes[number] = MemoryNode()
    entries[path] = number
    changed(path)
    openCounts[number, default: 0] += 1
    return number
  }

  /// A node lives while a name (seen or durable) or an open file leads to it.
  mutating func forgetIfUnreachable(_ number: Int) {
    if openCounts[number, default: 0] > 0 { return }
    if entries.values.contains(number) || syncedEntries.values.contains(number) { return }
    nodes[number] = nil
  }

  mutating func closed(_ number: Int) {
    let count = openCounts[number, default: 0] - 1
    openCounts[number] = count > 0 ? count : nil
    if count == 0 { forgetIfUnreachable(number) }
  }

  mutating func renameDirectory(_ from: String, _ to: String) {
    let moved = { (path: String) in
      path == from || path.hasPrefix(from + "/") ? to + path.dropFirst(from.count) : path
    }
    for path in directories where moved(path) != path {
      changed(path)
      changed(moved(path))
    }
    directories = Set(directories.map(moved))
    entries = Dictionary(uniqueKeysWithValues: entries.map { (moved($0.key), $0.value) })
  }

  mutating func syncDirectory(_ path: String) {
    let gone = syncedEntries.filter { parent(of: $0.key) == path && entries[$0.key] != $0.value }
    for name in gone.keys { syncedEntries[name] = nil }
    for (name, number) in entries where parent(of: name) == path { syncedEntries[name] = number }
    syncedDirectories = syncedDirectories.filter {
      $0 == path || parent(of: $0) != path || directories.contains($0)
    }
    // A directory that is synced is itself there: its own entry follows it, as ext4 does.
    syncedDirectories.insert(path)
    for name in directories where parent(of: name) == path { syncedDirectories.insert(name) }
    for name in changedAt.keys where parent(of: name) == path { changedAt[name] = nil }
    for number in gone.values { forgetIfUnreachable(number) }
  }
}
