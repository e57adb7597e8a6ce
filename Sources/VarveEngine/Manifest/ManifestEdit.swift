// The changes a manifest is made of. A batch of edits takes force as a whole or not at all.

/// A value-log file as the manifest knows it.
package struct SegmentEntry: Equatable, Sendable {
  package var number: UInt64
  package var isSealed: Bool
  /// Known when sealed: bytes in use, footer included.
  package var bytes: UInt64
  /// Known when sealed: pages written, deleted ones included.
  package var pages: UInt64
  /// Known when sealed: highest birth or control sequence in it.
  package var sequenceMax: UInt64

  package init(
    number: UInt64, isSealed: Bool = false, bytes: UInt64 = 0, pages: UInt64 = 0,
    sequenceMax: UInt64 = 0
  ) {
    self.number = number
    self.isSealed = isSealed
    self.bytes = bytes
    self.pages = pages
    self.sequenceMax = sequenceMax
  }
}

package enum ManifestEdit: Equatable, Sendable {
  /// A table takes part in answers. Raises the next file number above its own.
  case addTable(TableSummary)
  /// By number.
  case removeTable(UInt64)
  /// An open segment exists. Raises the next segment number above its own.
  case addSegment(UInt64)
  /// An open segment is whole, with its footer on disk.
  case sealSegment(SegmentEntry)
  /// Its pages are gone from here on; the file may still be there.
  case dropSegment(UInt64)
  /// Everything before this in the log is in tables.
  case replayFrom(LogPosition)
  /// Numbers below are taken.
  case nextFile(UInt64)
  case nextSegment(UInt64)
  case nextNamespace(UInt32)
  /// Births and sequences up to this were given out.
  case lastBirth(UInt64)
  /// A new id takes force. Raises the next namespace id above its own.
  case createNamespace(NamespaceEntry)
  /// Tenant or options of an id in force change; the name does not.
  case setNamespace(NamespaceEntry)
  /// The id is dead for ever: Drop, or (with a `createNamespace` of the same name) Clear.
  case retireNamespace(UInt32)
}
