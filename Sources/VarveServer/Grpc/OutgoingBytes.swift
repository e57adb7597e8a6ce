// Messages on their way out: their heads in memory of their own, page bytes where the engine leased
// them.

internal import VarveBase
internal import VarveEngine
internal import VarveWire

/// Consecutive bytes of one stream's answer. Pages stay leased while it lives.
@safe final class OutgoingBytes: @unchecked Sendable {
  // Sendable is sound: everything is set once and only read; `memory` lives until deinit, what else
  // `pieces` point to is held by `batch`.
  let byteCount: Int
  /// Bytes of pages among them.
  let pageBytes: Int
  private let memory: UnsafeMutableRawBufferPointer
  private let batch: GetBatch?
  private let pieces: [UnsafeRawBufferPointer]

  /// Whole messages, prefixes included.
  init(_ bytes: [UInt8]) {
    unsafe memory = .allocate(byteCount: bytes.count, alignment: 1)
    unsafe memory.copyBytes(from: bytes)
    batch = nil
    unsafe pieces = [UnsafeRawBufferPointer(memory)]
    byteCount = bytes.count
    pageBytes = 0
  }

  /// The messages of pages, in order; a page cut into pieces alike.
  init(_ batch: GetBatch) {
    var heads: [UInt8] = []
    var plan: [(head: Range<Int>, page: Int, offset: Int, count: Int)] = []
    for (index, page) in batch.pages.enumerated() {
      let number = UInt32(page.index)
      var begin = heads.count
      guard page.outcome == .present else {
        let status = PageStatus(wire: UInt32(page.outcome.rawValue))
        heads += GrpcGetMessage.without(page: number, status: status)
        plan.append((begin..<heads.count, index, 0, 0))
        continue
      }
      let total = Int(page.rawBytes)
      let most = GrpcGetMessage.pieceBytes(pageBytes: total)
      for offset in stride(from: 0, to: total, by: most) {
        let count = min(most, total - offset)
        begin = heads.count
        heads += GrpcGetMessage.head(
          page: number, pageBytes: page.rawBytes, checksum: page.checksum, offset: UInt32(offset),
          count: count)
        plan.append((begin..<heads.count, index, offset, count))
      }
    }
    let tail = heads.count
    heads += GrpcGetMessage.tail
    unsafe memory = .allocate(byteCount: heads.count, alignment: 1)
    unsafe memory.copyBytes(from: heads)
    self.batch = batch
    var pieces: [UnsafeRawBufferPointer] = unsafe []
    let memory = unsafe UnsafeRawBufferPointer(memory)
    for part in plan {
      unsafe pieces.append(UnsafeRawBufferPointer(rebasing: memory[part.head]))
      guard part.count > 0 else { continue }
      let page = unsafe batch.pieces(of: batch.pages[part.page])
      unsafe Self.cut(page, part.offset, part.count, into: &pieces)
      unsafe pieces.append(UnsafeRawBufferPointer(rebasing: memory[tail...]))
    }
    unsafe self.pieces = unsafe pieces
    byteCount = unsafe pieces.reduce(0) { $0 + $1.count }
    pageBytes = plan.reduce(0) { $0 + $1.count }
  }

  deinit { unsafe memory.deallocate() }

  /// `count` bytes of `page` from `offset`, where they lie.
  private static func cut(
    _ page: ArraySlice<UnsafeRawBufferPointer>, _ offset: Int, _ count: Int,
    into pieces: inout [UnsafeRawBufferPointer]
  ) {
    var (skip, rest) = (offset, count)
    for index in unsafe page.indices where rest > 0 {
      let piece = unsafe page[index]
      if skip >= piece.count {
        skip -= piece.count
        continue
      }
      let size = min(rest, piece.count - skip)
      unsafe pieces.append(UnsafeRawBufferPointer(rebasing: piece[skip..<skip + size]))
      rest -= size
      skip = 0
    }
    precondition(rest == 0, "a page with fewer bytes than it says")
  }

  /// Appends the next `count` bytes and moves the cursor past them.
  func take(_ count: Int, at cursor: inout PieceCursor, into gather: inout Gather) {
    precondition(count <= byteCount - cursor.taken, "more bytes taken than there are")
    unsafe cursor.take(count, of: pieces[...], into: &gather)
  }
}
