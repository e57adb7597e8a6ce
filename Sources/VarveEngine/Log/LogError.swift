// What the value log can answer besides success, with the evidence.

package import VarveFile

package enum LogError: Error, Equatable, Sendable {
  /// A call to the disk failed; the append did not happen, others are not touched by it.
  case file(FileError)
  /// The host had no room for another segment, or the disk is full.
  case noSpace
  /// One extent does not fit an empty segment.
  case tooLarge(bytes: Int, bytesMax: Int)
  /// An fdatasync failed (never retried): what was not synced is lost. Final when the log's
  /// `failure` says so as well.
  case syncFailed(FileError)
  /// The log was closed.
  case closed
  /// The file is of another release.
  case unsupportedVersion(path: String, found: Int, supported: Int)
  /// The file was written by a machine of the other byte order.
  case foreignByteOrder(path: String)
  /// The file's bytes contradict themselves; never repaired silently.
  case corrupt(path: String, offset: UInt64, reason: String)
}

extension LogError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .file(let error): error.description
    case .noSpace: "no room for another segment"
    case .tooLarge(let bytes, let bytesMax):
      "an extent of \(bytes) bytes does not fit a segment (at most \(bytesMax))"
    case .syncFailed(let error): "what was not synced is lost: a sync failed: \(error)"
    case .closed: "the log is closed"
    case .unsupportedVersion(let path, let found, let supported):
      "\(path) has format version \(found), this release reads version \(supported)"
    case .foreignByteOrder(let path):
      "\(path) was written by a machine of the other byte order"
    case .corrupt(let path, let offset, let reason):
      "\(path) is corrupt at offset \(offset): \(reason)"
    }
  }
}
