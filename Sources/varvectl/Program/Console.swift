// Where output goes: results to standard output, everything said beside them to standard error.

import Foundation

/// The two streams of a command; tests give their own.
final class Console: Sendable {
  /// Whether people read standard error: only then a progress bar is drawn.
  let isTerminal: Bool
  /// Where bytes of results go, in order.
  private let output: @Sendable ([UInt8]) -> Bool
  private let errors: @Sendable (String) -> Void

  init(
    isTerminal: Bool, output: @escaping @Sendable ([UInt8]) -> Bool,
    errors: @escaping @Sendable (String) -> Void
  ) {
    self.isTerminal = isTerminal
    self.output = output
    self.errors = errors
  }

  static let standard = Console(
    isTerminal: isatty(STDERR_FILENO) == 1,
    output: { bytes in
      (try? FileHandle.standardOutput.write(contentsOf: Data(bytes))) != nil
    },
    errors: { text in _ = try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) })

  /// A result for people or, with `--json`, for programs.
  func print(_ text: String) throws(Failure) { try write(Array((text + "\n").utf8)) }

  /// Bytes of a result as they are.
  func write(_ bytes: [UInt8]) throws(Failure) {
    guard output(bytes) else {
      throw Failure(.error, "standard output takes no more: its reader went away or a disk is full")
    }
  }

  /// A line beside the result.
  func note(_ text: String) { errors(text + "\n") }

  /// Text without a line's end: progress bars.
  func draw(_ text: String) { errors(text) }
}
