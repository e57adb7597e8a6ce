// Memory of the fingerprint table: pieces never overlap, what is given back is used again.

import Testing

@testable import VarveBase
@testable import VarveEngine

@Suite struct HugeHeapTests {
  /// By address, so that what overlaps is seen.
  private final class Pieces {
    let heap: HugeHeap
    private(set) var held: [(start: UInt, bytes: Int)] = []

    init(_ heap: HugeHeap) { self.heap = heap }

    func take(_ bytes: Int) -> Bool {
      let piece = unsafe heap.take(bytes)
      let start = UInt(bitPattern: piece)
      let isFree = held.allSatisfy {
        start + UInt(bytes) <= $0.start || $0.start + UInt($0.bytes) <= start
      }
      held.append((start, bytes))
      return isFree && start % UInt(HugeHeap.alignment) == 0
    }

    func giveBack(_ index: Int) {
      let piece = held.remove(at: index)
      guard let start = unsafe UnsafeMutableRawPointer(bitPattern: piece.start) else { return }
      unsafe heap.giveBack(start, piece.bytes)
    }

    var byteCount: Int { held.reduce(0) { $0 + $1.bytes } }
  }

  @Test func `pieces do not overlap, and what is given back is found again`() {
    var dice = Dice()
    let heap = HugeHeap(firstBytes: 64 << 10)
    let pieces = Pieces(heap)
    var most = 0
    for turn in 0..<4000 {
      if pieces.held.count < 64 || dice.chance(50) && pieces.held.count < 256 {
        let bytes = HugeHeap.alignment * (1 + dice.below(turn < 2000 ? 16 : 64))
        #expect(pieces.take(bytes), dice.comment)
      } else {
        pieces.giveBack(dice.below(pieces.held.count))
      }
      most = max(most, pieces.byteCount)
      #expect(heap.byteCount - heap.freeBytes == pieces.byteCount, dice.comment)
    }
    #expect(heap.byteCount < 2 * most + 256 << 10, "\(heap.byteCount) bytes for \(most)")
    while !pieces.held.isEmpty { pieces.giveBack(0) }
    // Only one chunk is left, in one piece.
    #expect(heap.freeBytes == heap.byteCount)
    let left = heap.byteCount
    #expect(pieces.take(left) && heap.byteCount == left)
  }

  @Test func `a piece larger than any chunk gets one of its own, whole huge pages`() {
    let heap = HugeHeap(firstBytes: 1)
    let pieces = Pieces(heap)
    #expect(heap.byteCount == 4096)
    #expect(pieces.take(HugeHeap.hugePageBytes + 64))
    #expect(pieces.held[0].start % UInt(HugeHeap.hugePageBytes) == 0)
    #expect(heap.byteCount == 4096 + 2 * HugeHeap.hugePageBytes)
    pieces.giveBack(0)
    #expect(heap.byteCount == 4096 && heap.freeBytes == 4096)
  }
}
