// What the log and the index both say of a stored page. Formats (extent entries, index records)
// are encodings of this value; the memtable holds it as it is.

package import VarveBase

/// The whole identity of a page: internal namespace id and page id.
package struct PageName: Hashable, Sendable, BitwiseCopyable {
  package let namespace: UInt32
  package let id: PageID

  package init(namespace: UInt32, id: PageID) {
    self.namespace = namespace
    self.id = id
  }
}

/// Where a page's bytes lie and how to check them.
package struct Location: Equatable, Sendable, BitwiseCopyable {
  /// The value-log file. Numbers are never reused.
  package var segment: UInt64
  /// Byte offset of the payload in the segment.
  package var offset: UInt32
  /// Bytes of the page as the client gave it.
  package var rawBytes: UInt32
  /// Bytes of the page as they lie in the segment (equal to `rawBytes` with the raw codec).
  package var storedBytes: UInt32
  /// XXH3-64 of the raw bytes.
  package var checksum: UInt64
  package var codec: UInt8
  /// Which disk; 0 until there are several.
  package var volume: UInt8

  package init(
    segment: UInt64, offset: UInt32, rawBytes: UInt32, storedBytes: UInt32, checksum: UInt64,
    codec: UInt8 = PageCodec.raw, volume: UInt8 = 0
  ) {
    self.segment = segment
    self.offset = offset
    self.rawBytes = rawBytes
    self.storedBytes = storedBytes
    self.checksum = checksum
    self.codec = codec
    self.volume = volume
  }
}

/// On disk: never renumber.
package enum PageCodec {
  package static let raw: UInt8 = 1
  package static let planes: UInt8 = 2
}

/// One stored page: name, bytes, and the numbers that decide which copy of a name wins.
package struct PageRecord: Equatable, Sendable {
  package var name: PageName
  /// Sequence number given at the first put and kept through every move. The higher birth wins;
  /// a delete with sequence t ends every copy born before t.
  package var birth: UInt64
  package var location: Location
  /// Milliseconds since 1970 of the first put.
  package var putMillis: UInt64
  /// Seconds since 1970 after which the page is absent; 0 = never.
  package var expirySeconds: UInt64
  /// Where the page's path record stands.
  package var place: WindowPlace

  package init(
    name: PageName, birth: UInt64, location: Location, putMillis: UInt64, expirySeconds: UInt64,
    place: WindowPlace
  ) {
    self.name = name
    self.birth = birth
    self.location = location
    self.putMillis = putMillis
    self.expirySeconds = expirySeconds
    self.place = place
  }

  package func isExpired(atMillis now: UInt64) -> Bool {
    Self.isOver(expirySeconds, atMillis: now)
  }

  /// Whether an expiry, as `expirySeconds` has it, has come.
  static func isOver(_ expirySeconds: UInt64, atMillis now: UInt64) -> Bool {
    expirySeconds != 0 && now / 1000 >= expirySeconds
  }
}

/// A delete (or, later, another word about a page) as the log and the index keep it.
package struct Tombstone: Equatable, Sendable {
  package var name: PageName
  /// Every copy of the name born before this is gone.
  package var sequence: UInt64
  /// The place of the copy that was there, so that its path record is covered as well.
  package var place: WindowPlace

  package init(name: PageName, sequence: UInt64, place: WindowPlace) {
    self.name = name
    self.sequence = sequence
    self.place = place
  }
}
