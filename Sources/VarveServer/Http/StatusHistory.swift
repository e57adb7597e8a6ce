// What the status page looks back on: the store's main numbers every few seconds, the last hour of
// them, in a ring that never grows.

internal import VarveBase

/// The numbers of one moment.
package struct StatusSample: Equatable, Sendable {
  package var wallMillis: UInt64 = 0
  package var pagesAsked: UInt64 = 0
  package var pagesHit: UInt64 = 0
  package var receivedBytes: UInt64 = 0
  package var sentBytes: UInt64 = 0
  package var diskBytes: UInt64 = 0
  package var capacityBytes: UInt64 = 0
  package var pages: UInt64 = 0
  package var segments: UInt64 = 0
  package var indexRuns: UInt64 = 0
  package var indexBytes: UInt64 = 0
  package var requests: UInt64 = 0
  /// Bytes and runs of each level of the index, from the uppermost.
  package var levels: [LevelSample] = []

  package init() {}
}

package struct LevelSample: Equatable, Sendable {
  package var level: UInt64
  package var runs: UInt64
  package var bytes: UInt64

  package init(level: UInt64, runs: UInt64, bytes: UInt64) {
    self.level = level
    self.runs = runs
    self.bytes = bytes
  }
}

/// The last samples, oldest first.
package final class StatusHistory: Sendable {
  private struct Ring {
    var samples: [StatusSample] = []
    /// Where the next sample goes once the ring is full: the oldest one's place.
    var next = 0
  }

  package let countMax: Int
  private let ring = Locked(Ring())

  package init(countMax: Int = Limits.statusSamplesMax) {
    precondition(countMax > 0, "a history holds at least one sample")
    self.countMax = countMax
  }

  package func add(_ sample: StatusSample) {
    ring.withLock { ring in
      if ring.samples.count < countMax { return ring.samples.append(sample) }
      ring.samples[ring.next] = sample
      ring.next = (ring.next + 1) % countMax
    }
  }

  package var samples: [StatusSample] {
    ring.withLock { Array($0.samples[$0.next...] + $0.samples[..<$0.next]) }
  }
}
