// The fingerprint table (DESIGN §5): for every page in a live segment a few bits of its name's hash
// and its segment's slot, so that what is absent costs no read. It never errs when it says absent;
// when it says maybe, a collision may be behind it.
//
// The shard is the hash's top 12 bits, the stored bits are the 32 below them: another 44 bits of
// the same value in the same segment are a collision, one name in 2^44 / pages. Cost and layout of
// a shard: FingerprintShard.swift.

package import VarveBase

/// One copy of a page.
package struct FingerprintEntry: Sendable, BitwiseCopyable {
  package var hash: UInt64
  package var segment: UInt64

  package init(hash: UInt64, segment: UInt64) {
    self.hash = hash
    self.segment = segment
  }
}

/// Reading takes one shared lock a batch. What changes the table takes `writers` first; a shard is
/// copied under that alone, so that readers wait for no copying, and put in place under both.
@safe package final class FingerprintTable: @unchecked Sendable {
  // Sendable is sound: the shards and the live bits are changed under `writers` and `readers` both,
  // and read under either.
  package static let shardCount = 4096
  private static let shardShift: UInt64 = 52
  /// Entries put in under one hold of the readers' lock; probes may take it as often.
  package static let batchMax = 512
  /// Lines asked for ahead of the one compared: more than a core has fill buffers (measured: 8 to
  /// 32 make no difference above 16).
  private static let linesAhead = 24

  /// Safe to hand on: who may touch what it points to is said above.
  @safe private struct Memory {
    let shards: UnsafeMutablePointer<FingerprintShard>
    /// A bit a slot.
    let live: UnsafeMutablePointer<UInt64>
  }

  private struct Writer {
    let heap: HugeHeap
    var slots = FingerprintSlots()
    var entries = 0
    var bytes = 0
    var rebuilds = 0
  }

  package struct Numbers: Sendable, Equatable {
    package var entries = 0
    /// Entries of segments that are gone: they answer nothing and go when their shard is made anew.
    package var deadEntries = 0
    package var bytes = 0
    package var slotsUsed = 0
    package var shardRebuilds = 0
  }

  private let ledger: MemoryLedger?
  private let bytesMax: Int
  private let writers: Locked<Writer>
  private let readers: ReadLocked<Memory>
  private let memory: Memory

  /// What the shards' heads and the live bits take.
  private static let headBytes =
    shardCount * MemoryLayout<FingerprintShard>.stride + (FingerprintSlots.countMax + 1) / 8
    + FingerprintSlots.countMax * 8

  /// Makes room for `pages` at once, so that filling it at the start copies nothing. Nil when that
  /// is more than `bytesMax`, or the ledger has no room.
  package init?(pages: Int, ledger: MemoryLedger?, bytesMax: Int = .max) {
    // Hashes spread: few shards get a quarter more than their share, which is when they are full.
    let buckets = FingerprintShard.buckets(for: pages / Self.shardCount + 1)
    let bytes = Self.headBytes + Self.shardCount * Int(buckets) * FingerprintShard.bucketBytes
    guard bytes <= bytesMax, ledger?.reserve(bytes, for: .fingerprints) != false else { return nil }
    self.ledger = ledger
    self.bytesMax = bytesMax
    let memory = unsafe Memory(
      shards: .allocate(capacity: Self.shardCount),
      live: .allocate(capacity: (FingerprintSlots.countMax + 1) / 64))
    let heap = HugeHeap(
      firstBytes: Self.shardCount * Int(buckets) * FingerprintShard.bucketBytes)
    for shard in 0..<Self.shardCount {
      unsafe (memory.shards + shard).initialize(to: FingerprintShard(buckets: buckets, on: heap))
    }
    unsafe memory.live.initialize(repeating: 0, count: (FingerprintSlots.countMax + 1) / 64)
    self.memory = memory
    writers = Locked(Writer(heap: heap, bytes: bytes))
    readers = ReadLocked(memory)
  }

  deinit {
    unsafe memory.shards.deallocate()
    unsafe memory.live.deallocate()
    ledger?.release(writers.withLock { $0.bytes }, for: .fingerprints)
  }

  /// What a name is known by.
  package static func hash(_ name: PageName) -> UInt64 { TableFilter.hash(name) }

  private static func shard(_ hash: UInt64) -> Int { Int(hash >> shardShift) }
  private static func stored(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 20) }

  // MARK: - Segments

  /// The segment begins to live. Before its first entry.
  package func add(segment: UInt64) {
    writers.withLock { writer in
      let slot = writer.slots.add(segment)
      guard slot != FingerprintSlots.unknown else { return }
      readers.write { memory in
        unsafe memory.live[Int(slot) / 64] |= 1 << (UInt64(slot) % 64)
      }
    }
  }

  /// The segment is gone, and so are its pages: its entries count no more.
  package func remove(segment: UInt64) {
    writers.withLock { writer in
      guard let slot = writer.slots.remove(segment) else { return }
      readers.write { memory in
        unsafe memory.live[Int(slot) / 64] &= ~(1 << (UInt64(slot) % 64))
      }
    }
  }

  // MARK: - Pages

  /// The states of the names with `hashes`, in their order.
  package func find(_ hashes: ArraySlice<UInt64>, into states: inout [Fingerprint]) {
    states = unsafe Array(unsafeUninitializedCapacity: hashes.count) { states, count in
      unsafe hashes.withUnsafeBufferPointer { hashes in
        for start in stride(from: 0, to: hashes.count, by: Self.batchMax) {
          let range = start..<min(hashes.count, start + Self.batchMax)
          readers.read { memory in unsafe Self.find(hashes, range, memory, states) }
        }
      }
      count = hashes.count
    }
  }

  /// The hashes and states of pages of one namespace, in their order.
  package func find(
    _ ids: ArraySlice<PageID>, of namespace: UInt32, hashes: inout [UInt64],
    into states: inout [Fingerprint]
  ) {
    TableFilter.hash(ids, of: namespace, into: &hashes)
    find(hashes[...], into: &states)
  }

  @inline(__always)
  private static func find(
    _ hashes: UnsafeBufferPointer<UInt64>, _ range: Range<Int>, _ memory: Memory,
    _ states: UnsafeMutableBufferPointer<Fingerprint>
  ) {
    let shards = unsafe memory.shards
    let live = unsafe memory.live
    @inline(__always) func prefetch(_ index: Int) {
      let hash = unsafe hashes[index]
      unsafe shards[shard(hash)].prefetch(stored(hash))
    }
    @inline(__always) func find(_ index: Int) {
      let hash = unsafe hashes[index]
      let state = unsafe shards[shard(hash)].find(stored(hash)) { slot in
        unsafe live[Int(slot) / 64] >> (UInt64(slot) % 64) & 1 == 1
      }
      unsafe states.initializeElement(at: index, to: state)
    }
    let ahead = min(linesAhead, range.count)
    for index in range.prefix(ahead) { prefetch(index) }
    for index in range.dropLast(ahead) {
      prefetch(index + ahead)
      find(index)
    }
    for index in range.suffix(ahead) { find(index) }
  }

  /// Adds copies of pages, before anybody can find their records. Copies in segments that are gone
  /// are left out. False when the ledger has no room: the table lacks entries then and must not be
  /// asked any more.
  package func insert(_ entries: ArraySlice<FingerprintEntry>) -> Bool {
    writers.withLock { writer in
      var rest = entries
      while !rest.isEmpty {
        let full = readers.write { memory in Self.fill(memory, &rest, &writer) }
        if let full, !remake(full, &writer) { return false }
      }
      return true
    }
  }

  /// Puts entries in until one finds its shard full, which is given back, or a batch is done.
  private static func fill(
    _ memory: Memory, _ rest: inout ArraySlice<FingerprintEntry>, _ writer: inout Writer
  ) -> Int? {
    var last: (segment: UInt64, slot: UInt16?) = (0, nil)
    var done = 0
    defer { rest = rest.dropFirst(done) }
    for entry in rest.prefix(batchMax) {
      if entry.segment != last.segment || done == 0 {
        last = (entry.segment, writer.slots[entry.segment])
      }
      if let slot = last.slot {
        let shard = shard(entry.hash)
        if unsafe memory.shards[shard].isFull { return shard }
        unsafe memory.shards[shard].insert(stored(entry.hash), slot: slot)
        writer.slots.count(slot)
        writer.entries += 1
      }
      done += 1
    }
    return nil
  }

  /// Copies the shard without what is dead, with room for a quarter more than what is left. False
  /// when the ledger has no room for it.
  private func remake(_ shard: Int, _ writer: inout Writer) -> Bool {
    let old = unsafe memory.shards[shard]
    let live = unsafe memory.live
    func lives(_ slot: UInt16) -> Bool {
      slot == FingerprintSlots.unknown
        || (unsafe live[Int(slot) / 64] >> (UInt64(slot) % 64) & 1 == 1)
    }
    var kept = 0
    old.forEach { _, slot in kept += lives(slot) ? 1 : 0 }
    // One more has to find room.
    let buckets = FingerprintShard.buckets(for: kept + 1)
    let bytes = Int(buckets) * FingerprintShard.bucketBytes
    guard writer.bytes + bytes - old.byteCount <= bytesMax,
      ledger?.reserve(bytes, for: .fingerprints) != false
    else { return false }
    var new = FingerprintShard(buckets: buckets, on: writer.heap)
    old.forEach { stored, slot in
      if lives(slot) { new.insert(stored, slot: slot) } else { writer.slots.uncount(slot) }
    }
    writer.entries -= old.count - kept
    writer.bytes += bytes - old.byteCount
    writer.rebuilds += 1
    readers.write { memory in unsafe memory.shards[shard] = new }
    // Whoever was reading it has let go of the lock.
    ledger?.release(old.byteCount, for: .fingerprints)
    old.free(on: writer.heap)
    return true
  }

  /// Clears dead entries out where slots get short. False when the ledger has no room.
  func sweepIfNeeded(slotsFreeMin: Int = FingerprintSlots.countMax / 8) -> Bool {
    guard writers.withLock({ $0.slots.freeCount < slotsFreeMin && $0.slots.deadCount > 0 }) else {
      return true
    }
    // Puts get in between two shards.
    for shard in 0..<Self.shardCount {
      guard writers.withLock({ remake(shard, &$0) }) else { return false }
    }
    return true
  }

  package var numbers: Numbers {
    writers.withLock {
      Numbers(
        entries: $0.entries, deadEntries: $0.slots.deadEntries, bytes: $0.bytes,
        slotsUsed: $0.slots.usedCount, shardRebuilds: $0.rebuilds)
    }
  }

  /// Counts of slots, entries and bytes agree with what is there.
  package func checkInvariants() {
    writers.withLock { writer in
      writer.slots.checkInvariants()
      var entries = 0
      var bytes = Self.headBytes
      var bySlot: [UInt16: Int] = [:]
      for index in 0..<Self.shardCount {
        let shard = unsafe memory.shards[index]
        var own = 0
        shard.forEach { _, slot in
          own += 1
          bySlot[slot, default: 0] += 1
        }
        precondition(own == shard.count, "shard \(index) holds \(own), counts \(shard.count)")
        entries += own
        bytes += shard.byteCount
      }
      precondition(entries == writer.entries, "\(entries) entries, \(writer.entries) counted")
      precondition(bytes == writer.bytes, "\(bytes) bytes, \(writer.bytes) counted")
      for (slot, count) in bySlot where slot != FingerprintSlots.unknown {
        precondition(writer.slots.entryCount(slot) == count, "entries of slot \(slot)")
      }
    }
  }
}
