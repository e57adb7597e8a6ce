// One file of the in-memory file system: what programs see, and what a crash of the machine would
// leave. The difference between the two is what `crashClone` throws dice about.

internal import VarveBase

/// Contents in 4 KiB blocks; nil is a hole. Blocks are arrays, so that a sync or a clone shares
/// them until one side writes.
struct MemoryNode {
  static let blockBytes = 4096
  typealias Block = [UInt8]

  private(set) var blocks: [Block?] = []
  private(set) var size = 0
  private(set) var syncedBlocks: [Block?] = []
  private(set) var syncedSize = 0
  private(set) var dirty: Set<Int> = []
  var allocatedBytes: Int { blocks.count { $0 != nil } * Self.blockBytes }

  mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    let end = offset + bytes.count
    grow(to: max(size, end))
    var done = 0
    while done < bytes.count {
      let index = (offset + done) / Self.blockBytes
      let start = (offset + done) % Self.blockBytes
      let count = min(Self.blockBytes - start, bytes.count - done)
      var block = blocks[index] ?? Block(repeating: 0, count: Self.blockBytes)
      blocks[index] = nil
      for step in 0..<count { unsafe block[start + step] = bytes[done + step] }
      blocks[index] = block
      dirty.insert(index)
      done += count
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    let count = max(0, min(buffer.count, size - offset))
    var done = 0
    while done < count {
      let start = (offset + done) % Self.blockBytes
      let part = min(Self.blockBytes - start, count - done)
      let target = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + part])
      if let block = blocks[(offset + done) / Self.blockBytes] {
        unsafe target.copyBytes(from: block[start..<start + part])
      } else {
        unsafe target.initializeMemory(as: UInt8.self, repeating: 0)
      }
      done += part
    }
    return count
  }

  mutating func truncate(to count: Int) {
    grow(to: count)
    let kept = (count + Self.blockBytes - 1) / Self.blockBytes
    blocks.removeLast(blocks.count - kept)
    if count % Self.blockBytes != 0, var last = blocks[kept - 1] {
      for index in count % Self.blockBytes..<Self.blockBytes { last[index] = 0 }
      blocks[kept - 1] = last
      dirty.insert(kept - 1)
    }
    size = count
  }

  mutating func sync() {
    let shared = min(syncedBlocks.count, blocks.count)
    syncedBlocks.removeLast(syncedBlocks.count - shared)
    syncedBlocks += [Block?](repeating: nil, count: blocks.count - shared)
    for index in dirty where index < blocks.count { syncedBlocks[index] = blocks[index] }
    dirty.removeAll()
    syncedSize = size
  }

  /// Turns a stored bit over in both states, as a failing disk would.
  mutating func flipBit(_ bit: Int) {
    let byte = bit / 8
    precondition(byte < size, "bit \(bit) is outside the file")
    let index = byte / Self.blockBytes
    let mask = UInt8(1) << UInt8(bit % 8)
    blocks[index]?[byte % Self.blockBytes] ^= mask
    if index < syncedBlocks.count { syncedBlocks[index]?[byte % Self.blockBytes] ^= mask }
  }

  /// The file after a crash. Each unsynced block survives whole, in part (by 512-byte sectors) or
  /// not at all; the size is the synced one, or as far as survivors reach.
  func afterCrash(_ survival: CrashSurvival, _ dice: inout CrashDice) -> MemoryNode {
    var node = MemoryNode()
    node.blocks = syncedBlocks
    node.size = syncedSize
    for index in dirty.sorted() where index < blocks.count {
      guard let block = blocks[index], dice.rolls(survival) else { continue }
      let end = min(size, (index + 1) * Self.blockBytes)
      node.grow(to: max(node.size, end))
      var survivor = node.blocks[index] ?? Block(repeating: 0, count: Self.blockBytes)
      for sector in 0..<8 where !dice.tears(survival) {
        let range = sector * 512..<(sector + 1) * 512
        survivor.replaceSubrange(range, with: block[range])
      }
      node.blocks[index] = survivor
    }
    if case .all = survival { node.truncateExactly(to: size) }
    node.syncedBlocks = node.blocks
    node.syncedSize = node.size
    return node
  }

  private mutating func truncateExactly(to count: Int) {
    truncate(to: count)
    dirty.removeAll()
  }

  private mutating func grow(to count: Int) {
    let needed = (count + Self.blockBytes - 1) / Self.blockBytes
    while blocks.count < needed { blocks.append(nil) }
    size = max(size, count)
  }
}

/// What an imagined crash of the machine leaves of what was not synced.
package enum CrashSurvival: Equatable, Sendable {
  case none
  case all
  /// Each block and each directory change survives with this chance; a survivor may be torn.
  case random(seed: UInt64, percent: Int)
}

/// Reproducible dice (SplitMix64).
struct CrashDice {
  private var state: UInt64

  init(_ survival: CrashSurvival) {
    if case .random(let seed, _) = survival { state = seed } else { state = 0 }
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }

  mutating func rolls(_ survival: CrashSurvival) -> Bool {
    switch survival {
    case .none: false
    case .all: true
    case .random(_, let percent): next() % 100 < UInt64(percent)
    }
  }

  /// One sector in sixteen of a surviving block is lost.
  mutating func tears(_ survival: CrashSurvival) -> Bool {
    guard case .random = survival else { return false }
    return next() % 16 == 0
  }
}
