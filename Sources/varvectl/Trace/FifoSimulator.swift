// The hit rate that an exact FIFO of a given capacity has on a trace: what a store that drops its
// oldest segment first is measured against.

/// A cache of blocks that drops the oldest first. `capacity` nil keeps all: the ceiling.
struct FifoSimulator {
  let capacity: Int?
  private(set) var hitBlocks = 0
  private(set) var blocks = 0
  private(set) var evictedBlocks = 0

  /// Indexed by block id, which traces number densely by first appearance.
  private var isHeld: [Bool] = []
  /// The blocks held, oldest first, in a ring that grows to the capacity.
  private var ring: [Int] = []
  private var oldest = 0

  init(capacity: Int?) {
    precondition((capacity ?? 1) > 0, "a cache of \(capacity ?? 0) blocks holds nothing")
    self.capacity = capacity
  }

  /// Share of the blocks that a request found as an unbroken prefix, in percent.
  var hitPercent: Double { blocks == 0 ? 0 : 100 * Double(hitBlocks) / Double(blocks) }

  /// Looks the request up and stores what was not held.
  mutating func step(_ request: TraceRequest) {
    blocks += request.blockCount
    var isPrefix = true
    for run in request.runs {
      if run.upperBound > isHeld.count { grow(to: run.upperBound) }
      for block in run {
        if isHeld[block] {
          if isPrefix { hitBlocks += 1 }
        } else {
          isPrefix = false
          insert(block)
        }
      }
    }
  }

  private mutating func grow(to count: Int) {
    let target = max(count, 2 * isHeld.count)
    isHeld.append(contentsOf: repeatElement(false, count: target - isHeld.count))
  }

  private mutating func insert(_ block: Int) {
    isHeld[block] = true
    guard let capacity else { return }
    guard ring.count == capacity else {
      ring.append(block)
      return
    }
    isHeld[ring[oldest]] = false
    evictedBlocks += 1
    ring[oldest] = block
    oldest = (oldest + 1) % capacity
  }
}
