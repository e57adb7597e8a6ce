// The outcome of one page, and the codec of a namespace: the two enums of varve.proto.

/// What became of one page of a Put or a Get.
package enum PageStatus: UInt32, Hashable, Sendable, CaseIterable {
  // On the wire: never renumber.
  case unspecified = 0
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

  /// A number that this release does not know reads as unspecified (proto3: enums are open).
  package init(wire: UInt32) { self = PageStatus(rawValue: wire) ?? .unspecified }
}

/// How a namespace's pages lie on disk.
package enum Codec: Hashable, Sendable {
  case unspecified
  case raw
  case planes
  /// A codec of a later release.
  case unknown(UInt32)

  package init(wire: UInt32) {
    switch wire {
    case 0: self = .unspecified
    case 1: self = .raw
    case 2: self = .planes
    default: self = .unknown(wire)
    }
  }

  package var rawValue: UInt32 {
    switch self {
    case .unspecified: 0
    case .raw: 1
    case .planes: 2
    case .unknown(let number): number
    }
  }
}
