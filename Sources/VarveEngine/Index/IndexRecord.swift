// What an index record says. Path and id records of a page say the same; the id record adds the
// page's place, so that a walk that lost its alignment finds it again. Bytes:
// IndexRecord+Bytes.swift.

package import VarveBase

/// A record without its place: small, no allocation.
package struct IndexRecord: Equatable, Sendable, BitwiseCopyable {
  /// On disk: never renumber.
  package enum Kind: UInt8, Sendable, BitwiseCopyable {
    case page = 1
    case tombstone = 2
  }

  package var kind: Kind
  package var id: PageID
  /// Birth of a page, sequence of a tombstone. The higher wins.
  package var sequence: UInt64
  /// All zeros in a tombstone.
  package var location: Location
  package var putMillis: UInt64
  package var expirySeconds: UInt64

  package init(_ page: PageRecord) {
    kind = .page
    id = page.name.id
    sequence = page.birth
    location = page.location
    putMillis = page.putMillis
    expirySeconds = page.expirySeconds
  }

  package init(_ tombstone: Tombstone) {
    self.init(tombstone: tombstone.name.id, sequence: tombstone.sequence)
  }

  init(tombstone id: PageID, sequence: UInt64) {
    kind = .tombstone
    self.id = id
    self.sequence = sequence
    location = Location(
      segment: 0, offset: 0, rawBytes: 0, storedBytes: 0, checksum: 0, codec: 0, volume: 0)
    putMillis = 0
    expirySeconds = 0
  }

  /// Whether this one is the word that counts: the higher sequence, then (a moved copy keeps its
  /// birth) the higher segment.
  package func wins(over other: IndexRecord) -> Bool {
    (sequence, location.segment) > (other.sequence, other.location.segment)
  }

  func isExpired(atMillis now: UInt64) -> Bool {
    PageRecord.isOver(expirySeconds, atMillis: now)
  }

  package func page(_ namespace: UInt32, at place: WindowPlace) -> PageRecord {
    PageRecord(
      name: PageName(namespace: namespace, id: id), birth: sequence, location: location,
      putMillis: putMillis, expirySeconds: expirySeconds, place: place)
  }
}
