// Why the index or the manifest could not answer. Cases carry the evidence: file, offset, what was
// expected and what was there.

package import VarveFile

/// An operating error of index files; programmers' errors trap instead.
package enum IndexError: Error, Equatable, Sendable {
  /// Bytes on disk are not what was written. `what` names the field that disagrees.
  case corrupt(file: String, offset: UInt64, what: String, expected: UInt64, found: UInt64)
  /// A file of a later format version, or of none.
  case unknownVersion(file: String, found: UInt32, supported: UInt32)
  /// A table of a version before this release's: what it says is found in the segments too.
  case outdated(file: String, found: UInt32, supported: UInt32)
  /// The file system refused.
  case file(FileError)
  /// A file that another file names is not there.
  case missing(file: String)
  /// The memory ledger has no room for what must stay resident.
  case memoryFull(bytes: Int, limit: Int)
  /// The capacity has no room for the table that is to be written.
  case noRoom(bytes: UInt64)
  /// The log that a table would name cannot be synced.
  case logNotSynced(String)
  /// A manifest edit that does not fit the state it would change.
  case invalidEdit(String)
}

extension IndexError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .corrupt(let file, let offset, let what, let expected, let found):
      "\(file): damaged at offset \(offset): \(what) is \(found), expected \(expected)"
    case .unknownVersion(let file, let found, let supported):
      "\(file): format version \(found), this release reads \(supported)"
    case .outdated(let file, let found, let supported):
      "\(file): format version \(found) of an older release, this one reads \(supported)"
    case .file(let error): error.description
    case .missing(let file): "\(file): missing"
    case .memoryFull(let bytes, let limit):
      "the index needs \(bytes) more bytes of memory, the limit of all is \(limit)"
    case .noRoom(let bytes): "the capacity has no room for a table of up to \(bytes) bytes"
    case .logNotSynced(let what): "no table is written over a log that is not synced: \(what)"
    case .invalidEdit(let what): "manifest edit refused: \(what)"
    }
  }
}
