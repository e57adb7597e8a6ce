// What a replay counts. Each worker has its own; they are added up at the end.

import VarveWire

struct ReplayTally: Sendable {
  var requests = 0
  var blocks = 0
  /// Blocks that came back, as the unbroken prefix of their request.
  var hitBlocks = 0
  /// Blocks a lookup promised and the Get after it did not bring (evicted between the two).
  var lostBlocks = 0
  var gotBytes = 0
  var putBlocks = 0
  var putBytes = 0
  /// Puts of pages that were there already: another request was faster, or a hole was before them.
  var presentBlocks = 0
  var refused: [PageStatus: Int] = [:]
  var wrongPages = 0
  var wrongBytes = 0
  /// Time within calls, over all workers.
  var getNanos: UInt64 = 0
  var putNanos: UInt64 = 0
  var lookupLatency = LatencyRecord()
  var getLatency = LatencyRecord()
  var putLatency = LatencyRecord()

  var hitPercent: Double { blocks == 0 ? 0 : 100 * Double(hitBlocks) / Double(blocks) }

  var refusedBlocks: Int { refused.values.reduce(0, +) }

  mutating func add(_ other: ReplayTally) {
    requests += other.requests
    blocks += other.blocks
    hitBlocks += other.hitBlocks
    lostBlocks += other.lostBlocks
    gotBytes += other.gotBytes
    putBlocks += other.putBlocks
    putBytes += other.putBytes
    presentBlocks += other.presentBlocks
    refused.merge(other.refused, uniquingKeysWith: +)
    wrongPages += other.wrongPages
    wrongBytes += other.wrongBytes
    getNanos += other.getNanos
    putNanos += other.putNanos
    lookupLatency.add(other.lookupLatency)
    getLatency.add(other.getLatency)
    putLatency.add(other.putLatency)
  }
}
