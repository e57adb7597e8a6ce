// What the outside may rely on: the exit codes of varvectl.

/// Never renumber.
enum ExitStatus: Int32, Sendable {
  case success = 0
  case error = 1
  case usage = 2
  case notFound = 3
  case unavailable = 4
  case corruption = 5
}
