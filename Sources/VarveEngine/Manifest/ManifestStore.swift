// The manifest on disk: the one place that says which tables, segments and namespaces are in force.
// Every commit is synced before it returns; the namespace table is kept a second time.

internal import VarveBase
package import VarveFile

/// Commits batches of edits and publishes the state they add up to.
///
/// Commits take turns; reading `state` never waits for the disk. Lock order: writer, then
/// published.
package final class ManifestStore: Sendable {
  private struct Writer {
    /// Nil before the first file of this process, and after a failure that leaves its end unknown:
    /// the next commit then begins a new file from the state that is known.
    var file: (any File)?
    var number: UInt64
    var bytes = 0
    var batches: UInt64 = 0
    /// The namespaces that the second copy holds; nil when that is not known.
    var copied: ManifestState?
    var copiedBytes = 0
  }

  private let files: any FileSystem
  private let directory: String
  /// A file longer than this (and twice its snapshot) is followed by a new one.
  private let rollBytes: Int
  private let writer: Locked<Writer>
  private let published: Locked<ManifestState>
  /// What opening found wrong and went on without.
  package let notes: [String]

  /// Opens the manifest that CURRENT names and begins a new file with its state.
  ///
  /// - Parameter createIfMissing: without CURRENT, begin an empty store; else throw `missing`. The
  ///   caller says so only when there is nothing else in the directory that a store could have
  ///   made.
  package static func open(
    _ files: any FileSystem, directory: String, createIfMissing: Bool,
    rollBytes: Int = Limits.manifestBytesBeforeRoll
  ) throws(IndexError) -> ManifestStore {
    let current = path(directory, ManifestFormat.currentName)
    var state = ManifestState()
    var notes: [String] = []
    var inForce: UInt64?
    if createIfMissing, try !wrap({ () throws(FileError) in try files.exists(current) }) {
      // A store that lost everything but its namespaces keeps them, and their ids.
      if let copy = try? namespaceCopy(files, directory: directory) { state = copy }
    } else {
      let (file, number) = try readCurrent(files, directory)
      state = file.state
      inForce = number
      if file.tornBytes > 0 {
        notes.append("its last \(file.tornBytes) bytes are no whole batch and count for nothing")
      }
      state = try agreed(state, files, directory, &notes)
    }
    return try begin(
      files, directory: directory, state: state, rollBytes: rollBytes, notes: notes,
      inForce: inForce)
  }

  /// Begins a new manifest with `state`, whatever there was before.
  ///
  /// - Parameter inForce: the file that holds `state` now. What starts that crashed left beside it
  ///   goes before one more is made, or it would add up beyond the bytes reserved for manifests.
  package static func begin(
    _ files: any FileSystem, directory: String, state: ManifestState,
    rollBytes: Int = Limits.manifestBytesBeforeRoll, notes: [String] = [], inForce: UInt64? = nil
  ) throws(IndexError) -> ManifestStore {
    let number = try highestNumber(files, directory)
    if let inForce { try removeOthers(files, directory, than: inForce) }
    let store = ManifestStore(
      files, directory, state, number: number, rollBytes: rollBytes, notes: notes)
    try store.writer.withLock { (writer) throws(IndexError) in
      try store.roll(&writer, to: state)
      try store.writeNamespaces(&writer, state)
    }
    try removeOthers(files, directory, than: store.writer.withLock { $0.number })
    return store
  }

  /// Manifest and second copy, brought to agree. The copy is written first, so where the two differ
  /// the manifest's last batch is missing: torn by a crash before anybody was told, or damaged
  /// after somebody was. Either way the copy is right.
  private static func agreed(
    _ state: ManifestState, _ files: any FileSystem, _ directory: String, _ notes: inout [String]
  ) throws(IndexError) -> ManifestState {
    let copy: ManifestState
    do throws(IndexError) {
      copy = try namespaceCopy(files, directory: directory)
    } catch {
      switch error {
      case .corrupt, .missing, .file(.system(_, _, Errno.inputOutput, _)):
        notes.append("the namespace table's second copy was made anew: \(error)")
        return state
      default: throw error
      }
    }
    guard copy.namespaces != state.namespaces || copy.nextNamespace != state.nextNamespace else {
      return state
    }
    notes.append("the namespace table's second copy is ahead of it, and counts")
    return try state.following(copy)
  }

  /// The state on disk, without changing anything.
  package static func read(
    _ files: any FileSystem, directory: String
  ) throws(IndexError) -> ManifestState {
    try readCurrent(files, directory).file.state
  }

  /// The namespaces of the second copy: what is left when the manifest is lost.
  package static func readNamespaces(
    _ files: any FileSystem, directory: String
  ) throws(IndexError) -> [NamespaceEntry] {
    try namespaceCopy(files, directory: directory).namespaces.values.sorted { $0.id < $1.id }
  }

  /// The second copy as a state that holds nothing but namespaces and the next namespace id.
  package static func namespaceCopy(
    _ files: any FileSystem, directory: String
  ) throws(IndexError) -> ManifestState {
    let file = path(directory, ManifestFormat.namespacesName)
    return try ManifestFormat.readNamespaces(try readAll(files, file), file: file)
  }

  private init(
    _ files: any FileSystem, _ directory: String, _ state: ManifestState, number: UInt64,
    rollBytes: Int, notes: [String]
  ) {
    self.notes = notes
    self.files = files
    self.directory = directory
    self.rollBytes = rollBytes
    writer = Locked(Writer(file: nil, number: number))
    published = Locked(state)
  }

  /// The state as of the last commit that returned.
  package var state: ManifestState { published.withLock { $0 } }

  /// Bytes of the manifest file and the namespace copy in force, for the capacity account.
  package var fileBytes: UInt64 {
    writer.withLock { UInt64($0.bytes + $0.copiedBytes + Limits.blockBytes) }
  }

  /// Makes the edits durable, all or none, and returns the state with them.
  ///
  /// After a throw the state is unchanged and a later commit goes on from it in a new file; but if
  /// the machine crashes before that commit, the batch may be found in force. So files that the
  /// batch names stay until then.
  @discardableResult
  package func commit(_ edits: [ManifestEdit]) throws(IndexError) -> ManifestState {
    try writer.withLock { (writer) throws(IndexError) in
      let old = state
      guard !edits.isEmpty else { return old }
      let new = try old.applying(edits)
      // The copy first: when it fails, nothing has happened; when the manifest fails after it, the
      // next commit writes it again.
      try writeNamespaces(&writer, new)
      if writer.file == nil {
        try roll(&writer, to: new)
      } else {
        try append(edits, &writer)
        if writer.bytes > rollBytes { try rollIfWorth(&writer, new) }
      }
      published.withLock { $0 = new }
      return new
    }
  }

  private func append(_ edits: [ManifestEdit], _ writer: inout Writer) throws(IndexError) {
    guard let file = writer.file else { preconditionFailure("append without a manifest") }
    let record = ManifestFormat.record(
      ManifestEdit.encode(edits), batch: writer.batches + 1, number: writer.number,
      offset: writer.bytes)
    do throws(FileError) {
      try file.write(record, at: UInt64(writer.bytes))
      try file.sync()
    } catch {
      writer.file = nil
      throw .file(error)
    }
    writer.bytes += record.count
    writer.batches += 1
  }

  /// A new file pays when it is at most half of the old one.
  private func rollIfWorth(_ writer: inout Writer, _ state: ManifestState) throws(IndexError) {
    guard ManifestEdit.encode(state.snapshot()).count * 2 < writer.bytes else { return }
    let old = writer.number
    do throws(IndexError) {
      try roll(&writer, to: state)
    } catch {
      // The batch is durable in the old file or in the new one; the next commit begins a third.
      writer.file = nil
      return
    }
    let name = Self.path(directory, ManifestFormat.name(old))
    // A file left behind costs a few KiB until the next start removes it.
    try? files.remove(name)
  }

  /// Begins a new file that holds `state` and makes CURRENT name it.
  private func roll(_ writer: inout Writer, to state: ManifestState) throws(IndexError) {
    writer.file = nil
    writer.number += 1
    let offset = ManifestFormat.headerBytes
    let record = ManifestFormat.record(
      ManifestEdit.encode(state.snapshot()), batch: 1, number: writer.number, offset: offset)
    let bytes = ManifestFormat.header(number: writer.number, snapshotBytes: record.count) + record
    let name = Self.path(directory, ManifestFormat.name(writer.number))
    let current = Self.path(directory, ManifestFormat.currentName)
    let number = writer.number
    let file = try Self.wrap { () throws(FileError) in
      let file = try files.open(name, .create(direct: false))
      try file.write(bytes, at: 0)
      try file.sync()
      try files.syncDirectory(directory)
      try files.replaceAtomically(current, ManifestFormat.current(number: number))
      return file
    }
    writer.file = file
    writer.bytes = bytes.count
    writer.batches = 1
  }

  private func writeNamespaces(
    _ writer: inout Writer, _ state: ManifestState
  ) throws(IndexError) {
    if let copied = writer.copied, copied.namespaces == state.namespaces,
      copied.nextNamespace == state.nextNamespace
    {
      return
    }
    let bytes = ManifestFormat.namespaces(state)
    let name = Self.path(directory, ManifestFormat.namespacesName)
    writer.copied = nil
    try Self.wrap { () throws(FileError) in try files.replaceAtomically(name, bytes) }
    writer.copied = state
    writer.copiedBytes = bytes.count
  }

  /// Manifests that CURRENT does not name are left from a crash.
  private static func removeOthers(
    _ files: any FileSystem, _ directory: String, than kept: UInt64
  ) throws(IndexError) {
    for number in try numbers(files, directory) where number != kept {
      try wrap { () throws(FileError) in
        try files.remove(path(directory, ManifestFormat.name(number)))
      }
    }
  }
}

extension ManifestStore {
  private static func path(_ directory: String, _ name: String) -> String {
    directory + "/" + name
  }

  static func wrap<Result>(
    _ body: () throws(FileError) -> Result
  ) throws(IndexError) -> Result {
    do throws(FileError) {
      return try body()
    } catch {
      throw .file(error)
    }
  }

  private static func readAll(
    _ files: any FileSystem, _ path: String
  ) throws(IndexError) -> [UInt8] {
    do throws(FileError) {
      return try files.readAll(path)
    } catch {
      if error.isNotFound { throw .missing(file: path) }
      throw .file(error)
    }
  }

  private static func readCurrent(
    _ files: any FileSystem, _ directory: String
  ) throws(IndexError) -> (file: ManifestFile, number: UInt64) {
    let current = path(directory, ManifestFormat.currentName)
    let number = try ManifestFormat.readCurrent(try readAll(files, current), file: current)
    let name = path(directory, ManifestFormat.name(number))
    let bytes = try readAll(files, name)
    let file = try ManifestFile(bytes, number: number, file: name)
    guard file.goodBytes < bytes.count else { return (file, number) }
    // The torn batch of a crash, or one bad read: what is not believed now is gone for good.
    return (try ManifestFile(try readAll(files, name), number: number, file: name), number)
  }

  /// The newest manifest file that can be read, whether CURRENT names it or not: where CURRENT and
  /// the second copy are both lost, its namespaces are the last there are. (One begun and not
  /// finished is passed over: those before it go only after it is in force.)
  package static func newest(
    _ files: any FileSystem, directory: String
  ) throws(IndexError) -> ManifestState {
    var damage = IndexError.missing(file: directory)
    for number in try numbers(files, directory).sorted(by: >) {
      let name = path(directory, ManifestFormat.name(number))
      do throws(IndexError) {
        return try ManifestFile(try readAll(files, name), number: number, file: name).state
      } catch {
        if case .unknownVersion = error { throw error }
        damage = error
      }
    }
    throw damage
  }

  private static func highestNumber(
    _ files: any FileSystem, _ directory: String
  ) throws(IndexError) -> UInt64 {
    try numbers(files, directory).max() ?? 0
  }

  private static func numbers(
    _ files: any FileSystem, _ directory: String
  ) throws(IndexError) -> [UInt64] {
    try wrap { () throws(FileError) in
      try files.list(directory).compactMap(ManifestFormat.number(ofName:))
    }
  }
}
