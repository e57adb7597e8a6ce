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
  /// Blocks that changed since the last sync, with the stamp of their last change.
  private(set) var dirty: [Int: UInt64] = [:]
  /// Blocks that are there; kept beside them because the capacity is asked for at every write.
  private var allocatedCount = 0
  var allocatedBytes: Int { allocatedCount * Self.blockBytes }

  /// - Parameter stamp: rises from change to change of the whole file system.
  mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int, stamp: UInt64) {
    let end = offset + bytes.count
    grow(to: max(size, end))
    var done = 0
    while done < bytes.count {
      let index = (offset + done) / Self.blockBytes
      let start = (offset + done) % Self.blockBytes
      let count = min(Self.blockBytes - start, bytes.count - done)
      let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[done..<done + count])
      if count == Self.blockBytes {
        if blocks[index] == nil { allocatedCount += 1 }
        blocks[index] = unsafe Block(piece)
      } else {
        if blocks[index] == nil { allocatedCount += 1 }
        var block = blocks[index] ?? Block(repeating: 0, count: Self.blockBytes)
        blocks[index] = nil
        unsafe block.withUnsafeMutableBytes {
          unsafe $0[start..<start + count].copyBytes(from: piece)
        }
        blocks[index] = block
      }
      dirty[index] = stamp
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

  mutating func truncate(to count: Int, stamp: UInt64) {
    grow(to: count)
    let kept = (count + Self.blockBytes - 1) / Self.blockBytes
    allocatedCount -= blocks[kept...].count { $0 != nil }
    blocks.removeLast(blocks.count - kept)
    if count % Self.blockBytes != 0, var last = blocks[kept - 1] {
      for index in count % Self.blockBytes..<Self.blockBytes { last[index] = 0 }
      blocks[kept - 1] = last
      dirty[kept - 1] = stamp
    }
    size = count
  }

  mutating func sync() {
    let shared = min(syncedBlocks.count, blocks.count)
    syncedBlocks.removeLast(syncedBlocks.count - shared)
    syncedBlocks += [Block?](repeating: nil, count: blocks.count - shared)
    for index in dirty.keys where index < blocks.count { syncedBlocks[index] = blocks[index] }
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

  /// The file after a crash: synced blocks, and of the others what `survival` spares, whole or in
  /// part (by sectors of 512 bytes). The size is the synced one, or as far as survivors reach.
  ///
  /// - Parameter last: the file system's last write, if it went to this file.
  func afterCrash(
    _ survival: CrashSurvival, last: Range<Int>?, _ dice: inout CrashDice
  ) -> MemoryNode {
    var node = MemoryNode()
    node.blocks = syncedBlocks
    node.allocatedCount = syncedBlocks.count { $0 != nil }
    node.size = syncedSize
    for (index, stamp) in dirty.sorted(by: { $0.key < $1.key }) where index < blocks.count {
      guard let block = blocks[index], dice.spares(.block, stamp) else { continue }
      node.grow(to: max(node.size, min(size, (index + 1) * Self.blockBytes)))
      if node.blocks[index] == nil { node.allocatedCount += 1 }
      var survivor = node.blocks[index] ?? Block(repeating: 0, count: Self.blockBytes)
      for sector in 0..<CrashDice.sectorsPerBlock {
        let range = sector * CrashDice.sectorBytes..<(sector + 1) * CrashDice.sectorBytes
        let at = index * Self.blockBytes + range.lowerBound
        if dice.tears(at, of: last) { continue }
        survivor.replaceSubrange(range, with: block[range])
      }
      node.blocks[index] = survivor
    }
    if dice.sparesSizes { node.setSize(size) }
    node.syncedBlocks = node.blocks
    node.syncedSize = node.size
    return node
  }

  /// The length that metadata remembers, over whatever blocks survived.
  private mutating func setSize(_ count: Int) {
    truncate(to: count, stamp: 0)
    dirty.removeAll()
  }

  private mutating func grow(to count: Int) {
    let needed = (count + Self.blockBytes - 1) / Self.blockBytes
    while blocks.count < needed { blocks.append(nil) }
    size = max(size, count)
  }
}
