// Namespaces as the outside sees them.

/// Options of a namespace; in an open request 0 and empty mean "the default" or "unchanged".
package struct NamespaceOptions: Equatable, Sendable {
  package var pageTokens: UInt32 = 0
  package var pageBytesMax: UInt32 = 0
  package var ttlSeconds: UInt64 = 0
  package var codec: UInt8 = 0
  /// Beside other namespaces, 1 … `Limits.weightMax`; 0: the default, 1.
  package var weight: UInt32 = 0
  package var description = ""

  package init() {}
}

/// A namespace with its statistics.
package struct NamespaceView: Equatable, Sendable {
  package var name = ""
  package var id: UInt32 = 0
  package var options = NamespaceOptions()
  package var tenant = "default"
  package var pages: UInt64 = 0
  package var bytes: UInt64 = 0
  package var lookups: UInt64 = 0
  package var pagesAsked: UInt64 = 0
  package var pagesHit: UInt64 = 0
  package var bytesIn: UInt64 = 0
  package var bytesOut: UInt64 = 0

  package init() {}
}

/// What became of one page of a put, get or lookup. Raw values are the contract's `PageStatus`.
package enum PageOutcome: UInt8, Sendable {
  case stored = 1
  case alreadyPresent = 2
  case checksumMismatch = 3
  case tooLarge = 4
  case noSpace = 5
  case quotaExceeded = 6
  case sizeConflict = 7
  case lengthMismatch = 8
  case dataLoss = 9
  case missing = 10
  case notAttempted = 11
  case present = 12

  /// The outcomes by their numbers, from 1.
  static let ofPuts: [PageOutcome] = (1...12).compactMap { PageOutcome(rawValue: $0) }

  /// The name in metrics: the contract's in lower case.
  var label: String {
    switch self {
    case .stored: "stored"
    case .alreadyPresent: "already_present"
    case .checksumMismatch: "checksum_mismatch"
    case .tooLarge: "too_large"
    case .noSpace: "no_space"
    case .quotaExceeded: "quota_exceeded"
    case .sizeConflict: "size_conflict"
    case .lengthMismatch: "length_mismatch"
    case .dataLoss: "data_loss"
    case .missing: "missing"
    case .notAttempted: "not_attempted"
    case .present: "present"
    }
  }
}
