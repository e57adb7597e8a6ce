// What can go wrong at the door to the disk, with the evidence. Errnos that only a bug of ours can
// cause (EBADF, EFAULT …) are not here: they crash where they appear.

/// A failed call to the file system.
package enum FileError: Error, Equatable, Sendable {
  package enum Operation: String, Sendable {
    case open, create, read, write, sync, truncate, status, list, remove, rename, lock
    case createDirectory = "create directory"
    case syncDirectory = "sync directory"
    case fileSystemStatus = "file system status"
  }

  /// The kernel said no; `offset` where the call had one.
  case system(Operation, path: String, errno: Int32, offset: UInt64?)
  /// Another process holds the lock; `holder` is what it wrote into the file ("pid 123").
  case locked(path: String, holder: String)

  /// The errno behind it; nil for a held lock.
  package var errno: Int32? {
    if case .system(_, _, let errno, _) = self { return errno }
    return nil
  }

  /// The disk or its quota is full (ENOSPC, EDQUOT).
  package var isNoSpace: Bool { errno == Errno.noSpace || errno == Errno.quota }

  /// The path does not exist.
  package var isNotFound: Bool { errno == Errno.notFound }
}

/// The few errno values others need by name, so that they need not import Glibc. Linux on every
/// architecture Swift runs on agrees on them.
package enum Errno {
  package static let notFound: Int32 = 2
  package static let inputOutput: Int32 = 5
  package static let exists: Int32 = 17
  package static let notDirectory: Int32 = 20
  package static let isDirectory: Int32 = 21
  package static let noSpace: Int32 = 28
  package static let notEmpty: Int32 = 39
  package static let quota: Int32 = 122
}

extension FileError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .system(let operation, let path, let errno, let offset):
      let place = offset.map { " at offset \($0)" } ?? ""
      return "\(operation.rawValue) \(path)\(place): \(describe(errno: errno)) (errno \(errno))"
    case .locked(let path, let holder):
      return "\(path) is held by \(holder)"
    }
  }
}
