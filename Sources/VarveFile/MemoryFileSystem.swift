// The file system of tests: everything in memory, and a crash of the machine at the price of a
// call. Keeps what is seen apart from what was synced, for contents (4 KiB blocks) and for
// directory entries.

internal import VarveBase

/// In-memory files with `crashClone`. Not for production: nothing survives the process.
package final class MemoryFileSystem: FileSystem {
  /// Paths to node numbers, as seen and as a crash would leave them.
  struct State {
    var nodes: [Int: MemoryNode] = [:]
    var entries: [String: Int] = [:]
    var syncedEntries: [String: Int] = [:]
    var directories: Set<String> = ["/", "."]
    var syncedDirectories: Set<String> = ["/", "."]
    var locked: Set<String> = []
    var openCounts: [Int: Int] = [:]
    var nextNode = 1
    /// Of the last change.
    var stamp: UInt64 = 0
    /// Names that changed since their directory was synced, with the stamp of the last change.
    var changedAt: [String: UInt64] = [:]
    /// Node and bytes of the last write.
    var lastWrite: (node: Int, bytes: Range<Int>) = (0, 0..<0)
    var totalBytes: UInt64
  }

  let state: Locked<State>
  private let hasDirect: Bool

  /// - Parameters:
  ///   - totalBytes: size of the imagined disk; writes beyond it end in ENOSPC.
  ///   - hasDirect: files opened with `direct` insist on 4 KiB alignment, as O_DIRECT does.
  package init(totalBytes: UInt64 = 1 << 40, hasDirect: Bool = true) {
    self.hasDirect = hasDirect
    state = Locked(State(totalBytes: totalBytes))
  }

  private init(_ state: State, hasDirect: Bool) {
    self.hasDirect = hasDirect
    self.state = Locked(state)
  }

  package var fellBackToBuffered: Bool { !hasDirect }

  package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    let wantsDirect: Bool
    let creates: Bool
    switch mode {
    case .read(let direct), .readWrite(let direct): (wantsDirect, creates) = (direct, false)
    case .create(let direct): (wantsDirect, creates) = (direct, true)
    }
    let isDirect = wantsDirect && hasDirect
    let node = try state.withLock { (state) throws(FileError) -> Int in
      if creates { return try state.create(path) }
      guard let node = state.entries[path] else { throw state.missing(.open, path) }
      state.openCounts[node, default: 0] += 1
      return node
    }
    return MemoryFile(self, path: path, node: node, isDirect: isDirect)
  }

  package func createDirectory(_ path: String) throws(FileError) {
    try state.withLock { (state) throws(FileError) in
      if state.entries[path] != nil { throw .memory(.createDirectory, path, Errno.exists) }
      try state.requireParent(.createDirectory, path)
      if state.directories.insert(path).inserted { state.changed(path) }
    }
  }

  package func list(_ path: String) throws(FileError) -> [String] {
    try state.withLock { (state) throws(FileError) in
      guard state.directories.contains(path) else { throw state.missing(.list, path) }
      let paths = Array(state.entries.keys) + Array(state.directories)
      return paths.filter { $0 != path && parent(of: $0) == path }.map(lastName).sorted()
    }
  }

  package func exists(_ path: String) throws(FileError) -> Bool {
    state.withLock { $0.entries[path] != nil || $0.directories.contains(path) }
  }

  package func isDirectory(_ path: String) throws(FileError) -> Bool {
    try state.withLock { (state) throws(FileError) in
      if state.directories.contains(path) { return true }
      guard state.entries[path] != nil else { throw state.missing(.status, path) }
      return false
    }
  }

  package func remove(_ path: String) throws(FileError) {
    try state.withLock { (state) throws(FileError) in
      if state.directories.contains(path) {
        let inside = Array(state.entries.keys) + Array(state.directories)
        guard !inside.contains(where: { $0 != path && parent(of: $0) == path }) else {
          throw .memory(.remove, path, Errno.notEmpty)
        }
        state.directories.remove(path)
        state.changed(path)
        return
      }
      guard let node = state.entries.removeValue(forKey: path) else {
        throw state.missing(.remove, path)
      }
      state.changed(path)
      state.forgetIfUnreachable(node)
    }
  }

  package func rename(_ from: String, to: String) throws(FileError) {
    try state.withLock { (state) throws(FileError) in
      try state.requireParent(.rename, to)
      guard let node = state.entries.removeValue(forKey: from) else {
        if state.directories.contains(from) {
          state.renameDirectory(from, to)
          return
        }
        throw state.missing(.rename, from)
      }
      state.changed(from)
      // One change: a crash in the order of changes finds both names or neither.
      state.changedAt[to] = state.stamp
      if let replaced = state.entries.updateValue(node, forKey: to) {
        state.forgetIfUnreachable(replaced)
      }
    }
  }

  package func syncDirectory(_ path: String) throws(FileError) {
    try state.withLock { (state) throws(FileError) in
      guard state.directories.contains(path) else { throw state.missing(.syncDirectory, path) }
      state.syncDirectory(path)
    }
  }

  package func size(_ path: String) throws(FileError) -> UInt64 {
    try state.withLock { (state) throws(FileError) in UInt64(try state.node(path).size) }
  }

  package func allocatedBytes(_ path: String) throws(FileError) -> UInt64 {
    try state.withLock { (state) throws(FileError) in UInt64(try state.node(path).allocatedBytes) }
  }

  package func freeBytes(_ path: String) throws(FileError) -> UInt64 {
    state.withLock { $0.totalBytes - min($0.totalBytes, UInt64($0.usedBytes)) }
  }

  package func totalBytes(_ path: String) throws(FileError) -> UInt64 {
    state.withLock { $0.totalBytes }
  }

  package func lockFile(_ path: String) throws(FileError) -> any FileLock {
    try state.withLock { (state) throws(FileError) in
      guard state.locked.insert(path).inserted else {
        throw .locked(path: path, holder: "this process")
      }
      if state.entries[path] == nil { state.closed(try state.create(path)) }
    }
    return MemoryFileLock(self, path: path)
  }
}

extension MemoryFileSystem {
  /// The disk as a crash of the machine now would leave it: synced blocks and entries, and of the
  /// others what `survival` spares. This file system is unchanged; open files stay with it.
  package func crashClone(_ survival: CrashSurvival) -> MemoryFileSystem {
    let clone = state.withLock { state in
      var dice = CrashDice(
        survival, unsynced: state.unsyncedStamps, lastBytes: state.lastWrite.bytes.count)
      var clone = State(totalBytes: state.totalBytes)
      clone.directories = state.syncedDirectories
      for path in state.directories.subtracting(state.syncedDirectories).sorted()
      where dice.spares(.entry, state.changedAt[path] ?? 0)
        && clone.directories.contains(parent(of: path))
      {
        clone.directories.insert(path)
      }
      var entries = state.syncedEntries
      let changed = Set(state.entries.keys).union(state.syncedEntries.keys)
        .filter { state.entries[$0] != state.syncedEntries[$0] }
      for path in changed.sorted() where dice.spares(.entry, state.changedAt[path] ?? 0) {
        entries[path] = state.entries[path]
      }
      for (path, number) in entries.sorted(by: { $0.key < $1.key }) {
        guard let node = state.nodes[number], clone.directories.contains(parent(of: path))
        else { continue }
        clone.entries[path] = number
        if clone.nodes[number] == nil {
          let last = state.lastWrite.node == number ? state.lastWrite.bytes : nil
          clone.nodes[number] = node.afterCrash(survival, last: last, &dice)
        }
      }
      clone.syncedEntries = clone.entries
      clone.syncedDirectories = clone.directories
      clone.nextNode = state.nextNode
      return clone
    }
    return MemoryFileSystem(clone, hasDirect: hasDirect)
  }

  /// The disk as the next process finds it when this one dies: the kernel still holds what was
  /// written and what was not synced, so that a crash of the machine may take it later.
  package func killClone() -> MemoryFileSystem {
    let clone = state.withLock { state in
      var clone = state
      clone.locked = []
      clone.openCounts = [:]
      for number in clone.nodes.keys { clone.forgetIfUnreachable(number) }
      return clone
    }
    return MemoryFileSystem(clone, hasDirect: hasDirect)
  }

  /// Turns one stored bit over, as a failing disk would.
  package func flipBit(_ bit: Int, of path: String) {
    state.withLock {
      guard let number = $0.entries[path] else { preconditionFailure("no file \(path)") }
      $0.nodes[number]?.flipBit(bit)
    }
  }

  /// Bytes of blocks of every file, unlinked but open ones included.
  package var usedBytes: Int { state.withLock { $0.usedBytes } }
}
