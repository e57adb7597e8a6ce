// A file system whose calls a judge may fail, cut short, falsify or merely watch. Stands around any
// other; for tests, never for production.

internal import VarveBase

package final class FaultyFileSystem: FileSystem {
  private struct Counts {
    var calls = 0
    var byKind: [FileCall.Kind: Int] = [:]
  }

  let inner: any FileSystem
  private let judge: any FileJudge
  private let counts = Locked(Counts())

  package init(_ inner: any FileSystem, judge: any FileJudge) {
    self.inner = inner
    self.judge = judge
  }

  /// Calls seen so far.
  package var callCount: Int { counts.withLock { $0.calls } }

  /// Counts the call and asks the judge; what it orders that needs no bytes is done here.
  func effect(
    _ kind: FileCall.Kind, _ operation: FileError.Operation, _ path: String, at offset: UInt64 = 0,
    count: Int = 0
  ) throws(FileError) -> FaultEffect {
    let call = counts.withLock { counts in
      let call = FileCall(
        kind: kind, path: path, offset: offset, byteCount: count, index: counts.calls,
        ordinal: counts.byKind[kind, default: 0])
      counts.calls += 1
      counts.byKind[kind, default: 0] += 1
      return call
    }
    let effect = judge.judge(call)
    switch effect {
    case .fail(let errno): throw .system(operation, path: path, errno: errno, offset: offset)
    case .delay(let wait):
      wait()
      return .pass
    default: return effect
    }
  }

  /// For calls of which only failing or not makes sense; true: do it.
  private func passes(
    _ kind: FileCall.Kind, _ operation: FileError.Operation, _ path: String
  ) throws(FileError) -> Bool {
    if case .claimDone = try effect(kind, operation, path) { return false }
    return true
  }

  package var fellBackToBuffered: Bool { inner.fellBackToBuffered }

  package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    let isCreate = if case .create = mode { true } else { false }
    _ = try passes(isCreate ? .create : .open, isCreate ? .create : .open, path)
    return FaultyFile(try inner.open(path, mode), self)
  }

  package func createDirectory(_ path: String) throws(FileError) {
    if try passes(.createDirectory, .createDirectory, path) { try inner.createDirectory(path) }
  }

  package func list(_ path: String) throws(FileError) -> [String] {
    _ = try passes(.list, .list, path)
    return try inner.list(path)
  }

  package func exists(_ path: String) throws(FileError) -> Bool {
    _ = try passes(.status, .status, path)
    return try inner.exists(path)
  }

  package func isDirectory(_ path: String) throws(FileError) -> Bool {
    _ = try passes(.status, .status, path)
    return try inner.isDirectory(path)
  }

  package func remove(_ path: String) throws(FileError) {
    if try passes(.remove, .remove, path) { try inner.remove(path) }
  }

  package func rename(_ from: String, to: String) throws(FileError) {
    if try passes(.rename, .rename, from) { try inner.rename(from, to: to) }
  }

  package func syncDirectory(_ path: String) throws(FileError) {
    if try passes(.syncDirectory, .syncDirectory, path) { try inner.syncDirectory(path) }
  }

  package func size(_ path: String) throws(FileError) -> UInt64 {
    _ = try passes(.status, .status, path)
    return try inner.size(path)
  }

  package func allocatedBytes(_ path: String) throws(FileError) -> UInt64 {
    _ = try passes(.status, .status, path)
    return try inner.allocatedBytes(path)
  }

  package func freeBytes(_ path: String) throws(FileError) -> UInt64 {
    _ = try passes(.status, .fileSystemStatus, path)
    return try inner.freeBytes(path)
  }

  package func totalBytes(_ path: String) throws(FileError) -> UInt64 {
    _ = try passes(.status, .fileSystemStatus, path)
    return try inner.totalBytes(path)
  }

  package func lockFile(_ path: String) throws(FileError) -> any FileLock {
    _ = try passes(.lock, .lock, path)
    return try inner.lockFile(path)
  }
}
