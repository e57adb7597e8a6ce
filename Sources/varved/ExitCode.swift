// What the outside may rely on: the exit codes of the daemon.

/// Never renumber.
enum ExitCode: Int32 {
  case stopped = 0
  case failure = 1
  case usage = 2
  case dataDirectory = 3
  case addressInUse = 4
}
