// Why a page could not be had, with the evidence.

package enum PageReadError: Error, Equatable, Sendable {
  /// The bytes read are not the bytes put.
  case corrupt(segment: UInt64, offset: UInt32, expected: UInt64, found: UInt64)
  /// The segment file ends before the page does.
  case cutOff(segment: UInt64, offset: UInt32)
  case log(LogError)
  /// Neither the arena nor the request budget has room now.
  case memoryExhausted(bytes: Int)
  /// The segment was dropped; the page is a miss.
  case segmentGone(UInt64)
  /// Stored by a later release.
  case unsupportedCodec(UInt8)
}

extension PageReadError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .corrupt(let segment, let offset, let expected, let found):
      "page in segment \(segment) at \(offset): checksum \(found), expected \(expected)"
    case .cutOff(let segment, let offset):
      "page in segment \(segment) at \(offset): the file ends before it"
    case .log(let error): error.description
    case .memoryExhausted(let bytes): "no memory for a page of \(bytes) bytes now"
    case .segmentGone(let segment): "segment \(segment) was dropped"
    case .unsupportedCodec(let codec): "codec \(codec) is not known to this release"
    }
  }
}
