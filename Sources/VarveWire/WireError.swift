// Why a message was refused. Evidence, not text: the server turns it into a Problem on the stream,
// tests compare it as a value.

/// A message that is not what it should be.
package enum WireError: Error, Hashable, Sendable {
  /// The bytes are no message of this type: broken protobuf, or a string that is not UTF-8.
  case malformed(String)
  /// A field breaks a rule of the contract.
  case invalid(field: String, value: UInt64, rule: String)
  /// A field is over a limit that is there to bound work: send less.
  case overLimit(field: String, value: UInt64, limit: String, limitValue: UInt64)

  /// The status this refusal answers with.
  package var code: StatusCode {
    switch self {
    case .malformed, .invalid: .invalidArgument
    case .overLimit: .resourceExhausted
    }
  }

  /// The refusal as it goes to the peer.
  package var problem: Problem {
    switch self {
    case .malformed(let what):
      Problem(code, what)
    case .invalid(let field, let value, let rule):
      Problem(code, "\(field) \(value): \(rule)", value: value)
    case .overLimit(let field, let value, let limit, let limitValue):
      Problem(
        code, "\(field) \(value) is over \(limit) \(limitValue); send less", limit: limit,
        limitValue: limitValue, value: value)
    }
  }
}
