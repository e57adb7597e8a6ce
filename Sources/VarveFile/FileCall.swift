// One call at the door to the disk, as whoever stands between engine and files sees it, and what
// may become of it.

/// A call that is about to happen.
package struct FileCall: Sendable {
  /// What is called. Those that change the disk come first.
  package enum Kind: String, CaseIterable, Sendable {
    case create, write, sync, truncate, rename, remove, createDirectory, syncDirectory
    case open, read, list, status, lock

    /// A crash before the call and one after it leave different disks.
    package var changesDisk: Bool {
      switch self {
      case .create, .write, .sync, .truncate, .rename, .remove, .createDirectory, .syncDirectory:
        true
      case .open, .read, .list, .status, .lock: false
      }
    }
  }

  package let kind: Kind
  /// Of a rename: the old name.
  package let path: String
  package let offset: UInt64
  package let byteCount: Int
  /// Number of the call among all, and among those of its kind; from 0.
  package let index: Int
  package let ordinal: Int
}

/// What becomes of a call.
package enum FaultEffect: Sendable {
  case pass
  /// It fails and does nothing.
  case fail(Int32)
  /// A write does so many bytes and fails; a read gives so many, as if the file ended there.
  case cutShort(Int, errno: Int32)
  /// A read gives its bytes with this bit (modulo their number) turned over.
  case flipBit(Int)
  /// A read gives what lies at another offset.
  case misdirect(UInt64)
  /// It does nothing and says that it did: a sync that never reached the disk.
  case claimDone
  /// Runs this first, then passes: a slow disk, or a test that looks at the moment.
  case delay(@Sendable () -> Void)
}

/// Decides on every call before it happens. Called without locks of the file system, by whichever
/// thread makes the call.
package protocol FileJudge: Sendable {
  func judge(_ call: FileCall) -> FaultEffect
}
