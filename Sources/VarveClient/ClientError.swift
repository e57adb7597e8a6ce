// Everything that can go wrong for a caller of the client, as values to decide on.

package import VarveWire

package enum ClientError: Error, Hashable, Sendable {
  /// The endpoint's text names nothing that can be connected to.
  case address(String)
  /// No connection came about.
  case connect(endpoint: String, reason: String)
  /// The server refused the call; `limit`, `limitValue` and `value` tell which number was at fault.
  /// The connection goes on.
  case problem(Problem)
  /// The server ended the connection and told why.
  case goAway(Problem)
  /// The connection broke or was closed by the peer.
  case connectionLost(String)
  /// Nothing came, or nothing could be sent, for so long. The connection is closed.
  case timeout(doing: String, millis: Int)
  /// The server broke the protocol. The connection is closed.
  case protocolViolation(String)
  /// A page came whose bytes do not have the checksum sent with it: not delivered. Tell the server
  /// with `reportCorrupt`. The connection goes on.
  case checksumMismatch(page: Int, expected: UInt64, found: UInt64)
  /// The caller's request cannot be sent as it is.
  case invalidRequest(String)

  /// The status that fits the error, for exit codes and decisions.
  package var status: StatusCode {
    switch self {
    case .problem(let problem), .goAway(let problem): problem.status
    case .address, .invalidRequest: .invalidArgument
    case .connect, .connectionLost: .unavailable
    case .timeout: .deadlineExceeded
    case .protocolViolation: .internal
    case .checksumMismatch: .dataLoss
    }
  }
}

extension ClientError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .address(let text): text
    case .connect(let endpoint, let reason): "cannot connect to \(endpoint): \(reason)"
    case .problem(let problem): "\(problem.status.name): \(problem.message)"
    case .goAway(let problem): "the server went away: \(problem.status.name): \(problem.message)"
    case .connectionLost(let reason): "connection lost: \(reason)"
    case .timeout(let doing, let millis): "\(doing): nothing for \(millis) ms"
    case .protocolViolation(let what): "the server broke the protocol: \(what)"
    case .checksumMismatch(let page, let expected, let found):
      "page \(page) came with XXH3 \(String(found, radix: 16)) where "
        + "\(String(expected, radix: 16)) was promised"
    case .invalidRequest(let what): what
    }
  }
}
