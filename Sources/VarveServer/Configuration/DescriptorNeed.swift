// How many descriptors the daemon may have open at once, from what the configuration lets there be.

internal import VarveBase
internal import VarveEngine

/// Descriptors by what they are for.
package struct DescriptorNeed: Equatable, Sendable {
  /// One a segment that was ever read; a victim's stays open while it is read.
  package let segments: UInt64
  /// One a connection.
  package let connections: UInt64
  /// One a table of the index, and those being written.
  package let tables = UInt64(Limits.tableFilesMax)
  /// Everything else: listeners, HTTP, refusals, manifest, lock, Dispatch's own.
  package let others = UInt64(Limits.otherDescriptorsMax)

  package init(segments: UInt64, connections: UInt64) {
    self.segments = segments
    self.connections = connections
  }

  package var total: UInt64 { segments + connections + tables + others }

  /// Why that many cannot be had, with the numbers; nil where they can.
  func problem(allowed: UInt64) -> String? {
    guard total > allowed else { return nil }
    return "\(total) descriptors may be needed (\(segments) segments, \(connections) connections, "
      + "\(tables) index tables, \(others) others) and RLIMIT_NOFILE allows \(allowed): raise it "
      + "(LimitNOFILE= of the unit), or have larger segment_bytes or fewer connections_max"
  }
}

extension ServerConfiguration {
  package func descriptorNeed() throws(ConfigurationProblem) -> DescriptorNeed {
    let segment = UInt64(try engineConfiguration().segmentBytesInForce)
    return DescriptorNeed(
      segments: (capacityBytes + segment - 1) / segment, connections: UInt64(connectionsMax))
  }

  /// - Parameter allowed: descriptors that may be open.
  package func checkDescriptors(allowed: UInt64) throws(ConfigurationProblem) {
    if let problem = try descriptorNeed().problem(allowed: allowed) {
      throw ConfigurationProblem(problem)
    }
  }
}
