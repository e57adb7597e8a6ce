// The small values that pass between the engine and its value log.

package import VarveBase
package import VarveFile

/// 16 bytes that differ between two starts of the machine.
package struct BootID: Hashable, Sendable, BitwiseCopyable {
  package let word0: UInt64
  package let word1: UInt64

  package init(_ word0: UInt64, _ word1: UInt64) {
    self.word0 = word0
    self.word1 = word1
  }

  /// From the text of `/proc/sys/kernel/random/boot_id`; nil when it has not 32 hex digits.
  package init?(uuid text: String) {
    let digits = text.filter(\.isHexDigit)
    guard digits.count == 32, let word0 = UInt64(digits.prefix(16), radix: 16),
      let word1 = UInt64(digits.suffix(16), radix: 16)
    else { return nil }
    self.init(word0, word1)
  }
}

/// A place in the log; segments are ordered by number.
package struct LogPosition: Hashable, Sendable, Comparable, BitwiseCopyable {
  package let segment: UInt64
  package let offset: UInt64

  package static let start = LogPosition(segment: 0, offset: 0)

  package init(segment: UInt64, offset: UInt64) {
    self.segment = segment
    self.offset = offset
  }

  package static func < (left: LogPosition, right: LogPosition) -> Bool {
    (left.segment, left.offset) < (right.segment, right.offset)
  }
}

/// A page whose bytes lie in an `ExtentBuffer`, verified, waiting to be appended.
package struct PendingPage: Sendable {
  package var name: PageName
  package var birth: UInt64
  package var rawBytes: UInt32
  /// XXH3-64 of the raw bytes, checked by the caller.
  package var checksum: UInt64
  package var putMillis: UInt64
  package var expirySeconds: UInt64
  package var place: WindowPlace
  /// Where its bytes begin, counted from the buffer's payload.
  package var payloadOffset: Int

  package init(
    name: PageName, birth: UInt64, rawBytes: UInt32, checksum: UInt64, putMillis: UInt64,
    expirySeconds: UInt64, place: WindowPlace, payloadOffset: Int
  ) {
    self.name = name
    self.birth = birth
    self.rawBytes = rawBytes
    self.checksum = checksum
    self.putMillis = putMillis
    self.expirySeconds = expirySeconds
    self.place = place
    self.payloadOffset = payloadOffset
  }
}

/// A word about a page that has no payload.
package struct ControlEntry: Equatable, Sendable {
  /// On disk: never renumber.
  package enum Kind: UInt8, Sendable, CaseIterable {
    case delete = 1
    case pin = 2
    case unpin = 3
    case quarantine = 4
  }

  package var kind: Kind
  package var name: PageName
  /// Its own sequence; a delete ends every copy born before it.
  package var sequence: UInt64
  package var place: WindowPlace
  /// What the kind says it is (a pin's end in seconds); 0 for delete.
  package var value: UInt64

  package init(
    kind: Kind, name: PageName, sequence: UInt64, place: WindowPlace, value: UInt64 = 0
  ) {
    self.kind = kind
    self.name = name
    self.sequence = sequence
    self.place = place
    self.value = value
  }
}

/// What an append did.
package struct AppendReceipt: Sendable {
  /// Number of this append, for `waitSynced`.
  package let sequence: UInt64
  package let segment: UInt64
  /// First byte behind the extent.
  package let endOffset: UInt64
  /// One a page, in the order given; empty for control entries.
  package let locations: [Location]
}

/// What a sealed segment holds, in numbers.
package struct SegmentSummary: Equatable, Sendable {
  package var number: UInt64
  package var fileBytes: UInt64
  package var extentCount: Int
  package var pageCount: Int
  package var controlCount: Int
  package var payloadBytes: UInt64
  /// Highest birth or control sequence in it; 0 when empty.
  package var sequenceMax: UInt64
}

/// What the log needs from whoever owns it. Called without log locks, from appending threads and
/// from `sealFull`.
package protocol SegmentHost: AnyObject, Sendable {
  /// Makes room for one more segment (manifest edit, eviction) and gives its number, higher than
  /// every number before. Throws `.noSpace` when the capacity does not allow it. Runs inside an
  /// append that others wait for: it may sync or seal, but must not append to this log. The file
  /// may then fail to be made; its number is not used again.
  func admitSegment() throws(LogError) -> UInt64
  /// The file of the segment just admitted could not be made: its number is not used.
  func segmentFailed(_ number: UInt64)
  /// A segment has its footer and is synced.
  func segmentSealed(_ summary: SegmentSummary)
  /// An fdatasync of the segment failed: it gets no footer before the next start. Called without
  /// locks, by whoever synced.
  func segmentLost(_ number: UInt64, _ error: FileError)
  /// The name of a namespace by its internal id, for the footer; nil when it is retired.
  func namespaceName(_ id: UInt32) -> String?
}

/// What the log counts.
package struct LogCounters: Sendable {
  package let appends = Counter("log_appends_total", "Extents appended to the value log.")
  package let appendedBytes = Counter(
    "log_appended_bytes_total", "Bytes appended to the value log, headers and padding included.")
  package let syncs = Counter("log_syncs_total", "Calls of fdatasync on segments.")
  package let sealed = Counter("log_segments_sealed_total", "Segments sealed with a footer.")
  package let failures = Counter("log_append_failures_total", "Appends that failed on disk.")

  package init() {}

  package var all: [Counter] { [appends, appendedBytes, syncs, sealed, failures] }
}

extension BootID {
  /// 32 hex digits.
  package var hex: String {
    [word0, word1].map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
