// A part of the fingerprint table: buckets of one cache line each, in the order of the 32 stored
// bits of the hash. A shard grows by being copied in that order; nothing but those bits is needed.
//
// bucket, 64 bytes: 10 × 4 stored bits of the hash | 10 × 2 segment slot | 1 entries | 1 overflowed
// The rest is zero. An entry that finds its bucket full marks it and goes on to the next one, so a
// search that ends at a bucket without a mark has seen all there is.

internal import CLinux

/// What the table knows of a name.
package enum Fingerprint: UInt8, Sendable, BitwiseCopyable {
  /// No such page is stored: certain.
  case absent = 0
  /// A page with this hash, or one that collides with it, lies in a live segment.
  case maybe = 1
  /// Only the index knows.
  case askIndex = 2
}

/// Memory of one shard. Owned by the table, which frees it and says who may touch it when.
@safe struct FingerprintShard: BitwiseCopyable {
  static let bucketEntries = 10
  static let bucketBytes = 64
  /// Entries a bucket that a shard is made for, and at which it is made anew: in tenths of an
  /// entry, loads of 0.64 and 0.80. Growing by a quarter each time, a page costs about 9 bytes.
  static let tenthsAtStart = 64
  static let tenthsAtEnd = 80

  private let base: UnsafeMutableRawPointer
  let buckets: UInt32
  private var entries: UInt32 = 0
  var count: Int { Int(entries) }

  private static let slotsOffset = 40
  private static let countOffset = 60
  private static let markOffset = 61

  /// Buckets of a shard made for `entries`.
  static func buckets(for entries: Int) -> UInt32 {
    UInt32(max(1, (10 * entries + tenthsAtStart - 1) / tenthsAtStart))
  }

  init(buckets: UInt32, on heap: HugeHeap) {
    precondition(buckets > 0, "a shard has a bucket")
    self.buckets = buckets
    let bytes = Int(buckets) * Self.bucketBytes
    unsafe base = heap.take(bytes)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
  }

  /// Nobody may hold a copy of this value any more.
  func free(on heap: HugeHeap) { unsafe heap.giveBack(base, byteCount) }

  var byteCount: Int { Int(buckets) * Self.bucketBytes }

  /// No further entry may go in.
  var isFull: Bool { 10 * count >= Self.tenthsAtEnd * Int(buckets) }

  private func home(_ stored: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(stored) * UInt64(buckets)) >> 32)
  }

  private func bucket(_ index: UInt32) -> UnsafeMutableRawPointer {
    unsafe base + Int(index) * Self.bucketBytes
  }

  /// Starts bringing in what `find` will look at first.
  @inline(__always)
  func prefetch(_ stored: UInt32) { unsafe varve_prefetch(bucket(home(stored))) }

  /// - Parameter isLive: whether the segment of a slot lives; dead entries count as none.
  @inline(__always)
  func find(_ stored: UInt32, isLive: (UInt16) -> Bool) -> Fingerprint {
    var index = home(stored)
    for _ in 0..<buckets {
      let bucket = unsafe bucket(index)
      let entries = unsafe bucket.load(fromByteOffset: Self.countOffset, as: UInt8.self)
      let lanes = unsafe bucket.assumingMemoryBound(to: UInt32.self)
      var equal = unsafe varve_lanes_equal(lanes, stored) & (1 << UInt32(entries) - 1)
      while equal != 0 {
        let lane = equal.trailingZeroBitCount
        let slot = unsafe bucket.load(
          fromByteOffset: Self.slotsOffset + 2 * lane, as: UInt16.self)
        if slot == FingerprintSlots.unknown { return .askIndex }
        if isLive(slot) { return .maybe }
        equal &= equal - 1
      }
      if unsafe bucket.load(fromByteOffset: Self.markOffset, as: UInt8.self) == 0 { return .absent }
      index = index + 1 == buckets ? 0 : index + 1
    }
    return .absent
  }

  mutating func insert(_ stored: UInt32, slot: UInt16) {
    precondition(!isFull, "insert into a full shard")
    var index = home(stored)
    while true {
      let bucket = unsafe bucket(index)
      let entries = unsafe bucket.load(fromByteOffset: Self.countOffset, as: UInt8.self)
      if entries < Self.bucketEntries {
        unsafe bucket.storeBytes(of: stored, toByteOffset: 4 * Int(entries), as: UInt32.self)
        unsafe bucket.storeBytes(
          of: slot, toByteOffset: Self.slotsOffset + 2 * Int(entries), as: UInt16.self)
        unsafe bucket.storeBytes(of: entries + 1, toByteOffset: Self.countOffset, as: UInt8.self)
        self.entries += 1
        return
      }
      unsafe bucket.storeBytes(of: 1, toByteOffset: Self.markOffset, as: UInt8.self)
      index = index + 1 == buckets ? 0 : index + 1
    }
  }

  /// Visits every entry, those of one bucket after the other.
  func forEach(_ visit: (_ stored: UInt32, _ slot: UInt16) -> Void) {
    for index in 0..<buckets {
      let bucket = unsafe bucket(index)
      let entries = unsafe bucket.load(fromByteOffset: Self.countOffset, as: UInt8.self)
      for lane in 0..<Int(entries) {
        let stored = unsafe bucket.load(fromByteOffset: 4 * lane, as: UInt32.self)
        let slot = unsafe bucket.load(fromByteOffset: Self.slotsOffset + 2 * lane, as: UInt16.self)
        visit(stored, slot)
      }
    }
  }
}
