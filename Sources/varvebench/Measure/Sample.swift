// One measurement and what several of them come to.

/// What one round of one side did and took.
struct Sample: Hashable, Sendable {
  /// Calls that ended within the round; each is whole and verified.
  var calls = 0
  /// Payload bytes that crossed the socket.
  var bytes = 0
  var pages = 0
  var seconds = 0.0
  /// Processor seconds, user and system, of the process that serves and of the one that asks.
  var serverCPU = 0.0
  var clientCPU = 0.0
  /// How long the calls took; nil where that was not clocked.
  var latency: Percentiles?
  /// Until the first byte of a call's answer, the same.
  var firstByte: Percentiles?
  /// Calls of an open loop that were due and not made: the server fell behind by more than a round.
  var unserved = 0
  var pressure: Pressure?

  private static let gibibyte = 1_073_741_824.0

  var megabytesPerSecond: Double { Double(bytes) / 1e6 / seconds }
  var pagesPerSecond: Double { Double(pages) / seconds }
  var serverCPUPerGiB: Double { serverCPU / (Double(bytes) / Self.gibibyte) }
  var clientCPUPerGiB: Double { clientCPU / (Double(bytes) / Self.gibibyte) }
  /// For calls without payload: microseconds of the server a call.
  var serverMicrosPerCall: Double { serverCPU * 1e6 / Double(calls) }
  var clientMicrosPerCall: Double { clientCPU * 1e6 / Double(calls) }
}

/// Least, median and most of some rounds.
struct Spread: Hashable, Sendable {
  let least: Double
  let median: Double
  let most: Double

  /// Of an even number of values the median is the mean of the two in the middle.
  init(_ values: [Double]) {
    precondition(!values.isEmpty, "a spread of no values")
    let sorted = values.sorted()
    let middle = sorted.count / 2
    least = sorted[0]
    most = sorted[sorted.count - 1]
    median =
      sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
