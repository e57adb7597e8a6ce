// A configuration that cannot be used: exit code 2.

/// One clear sentence that names the value and the limit.
package struct ConfigurationProblem: Error, Equatable, Sendable, CustomStringConvertible {
  package let message: String

  package init(_ message: String) { self.message = message }

  package var description: String { message }
}
