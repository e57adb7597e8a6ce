// The status of a call, by gRPC's numbers, on both protocols.

/// gRPC's status codes.
package enum StatusCode: UInt32, Hashable, Sendable, CaseIterable {
  // On the wire: never renumber.
  case ok = 0
  case cancelled = 1
  case unknown = 2
  case invalidArgument = 3
  case deadlineExceeded = 4
  case notFound = 5
  case alreadyExists = 6
  case permissionDenied = 7
  case resourceExhausted = 8
  case failedPrecondition = 9
  case aborted = 10
  case outOfRange = 11
  case unimplemented = 12
  case `internal` = 13
  case unavailable = 14
  case dataLoss = 15
  case unauthenticated = 16

  /// The name as the gRPC documentation writes it.
  package var name: String {
    switch self {
    case .ok: "OK"
    case .cancelled: "CANCELLED"
    case .unknown: "UNKNOWN"
    case .invalidArgument: "INVALID_ARGUMENT"
    case .deadlineExceeded: "DEADLINE_EXCEEDED"
    case .notFound: "NOT_FOUND"
    case .alreadyExists: "ALREADY_EXISTS"
    case .permissionDenied: "PERMISSION_DENIED"
    case .resourceExhausted: "RESOURCE_EXHAUSTED"
    case .failedPrecondition: "FAILED_PRECONDITION"
    case .aborted: "ABORTED"
    case .outOfRange: "OUT_OF_RANGE"
    case .unimplemented: "UNIMPLEMENTED"
    case .internal: "INTERNAL"
    case .unavailable: "UNAVAILABLE"
    case .dataLoss: "DATA_LOSS"
    case .unauthenticated: "UNAUTHENTICATED"
    }
  }
}

extension Problem {
  package init(
    _ code: StatusCode, _ message: String, limit: String = "", limitValue: UInt64 = 0,
    value: UInt64 = 0
  ) {
    self.init(
      code: code.rawValue, message: message, limit: limit, limitValue: limitValue, value: value)
  }

  /// The code as a value; a number outside gRPC's list reads as `unknown`.
  package var status: StatusCode { StatusCode(rawValue: code) ?? .unknown }
}
