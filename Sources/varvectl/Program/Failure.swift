// Why a command ended without success: the exit code, one sentence, and what to do next.

import VarveClient
import VarveWire

/// The only error a command ends with.
struct Failure: Error, Hashable {
  let status: ExitStatus
  let sentence: String
  /// What the reader can do about it; nil where the sentence says it already.
  let advice: String?

  init(_ status: ExitStatus, _ sentence: String, advice: String? = nil) {
    self.status = status
    self.sentence = sentence
    self.advice = advice
  }
}

extension Failure {
  /// What a trouble with the daemon means to the person at the terminal.
  init(_ error: ClientError, endpoint: Endpoint) {
    switch error {
    case .address, .invalidRequest:
      self.init(.usage, "\(error)")
    case .connect:
      self.init(
        .unavailable, "\(error)",
        advice: "is varved running? start it with 'make run' or 'varved --data-dir DIR', or name "
          + "another with --endpoint HOST:PORT or VARVE_ENDPOINT")
    case .connectionLost:
      self.init(
        .unavailable, "\(endpoint): \(error)",
        advice: "the daemon's log says why; what was acknowledged is kept, so run this again")
    case .timeout:
      self.init(
        .unavailable, "\(endpoint): \(error)", advice: "--timeout SECONDS waits longer")
    case .problem(let problem), .goAway(let problem):
      self.init(
        Self.exitStatus(problem.status), "\(error)", advice: Self.advice(problem.status))
    case .protocolViolation:
      self.init(
        .error, "\(endpoint): \(error)",
        advice: "is this varved, and not older than this varvectl? 'varvectl ping' tells both")
    case .checksumMismatch:
      self.init(
        .corruption, "\(error)",
        advice: "the bytes were withheld; 'varvectl verify DIR' finds what is bad on disk")
    }
  }

  private static func exitStatus(_ status: StatusCode) -> ExitStatus {
    switch status {
    case .notFound: .notFound
    case .unavailable, .deadlineExceeded: .unavailable
    case .dataLoss: .corruption
    default: .error
    }
  }

  private static func advice(_ status: StatusCode) -> String? {
    switch status {
    case .notFound: "'varvectl namespace list' shows what there is"
    case .unavailable: "/readyz on the daemon's HTTP port tells what it waits for"
    case .resourceExhausted: "send less at once, or later"
    case .unauthenticated: "--token-file names a file with a token"
    case .unimplemented: "the daemon does not know this yet; is it older than this varvectl?"
    default: nil
    }
  }
}

extension Failure {
  init(_ error: TraceError) {
    self.init(
      error.isNotFound ? .notFound : .error, "\(error)",
      advice: error.isNotFound ? "give a path, or set VARVE_TRACES to the folder" : nil)
  }
}
