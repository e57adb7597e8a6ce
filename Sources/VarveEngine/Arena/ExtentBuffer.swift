// Memory in which an extent is put together: pages are received straight into it, the header goes
// in front of them, and one direct write takes both to the disk. Nothing is copied.

internal import VarveBase

/// A staging extent: aligned, touched memory with room for its header before the payload.
///
/// One holder at a time, who got it from a `StagingPool` and gives it back, after the last use of
/// any pointer got from it.
@safe package final class ExtentBuffer: @unchecked Sendable {
  // Sendable is sound by the hand-over rule above; the memory itself is `AlignedBuffer`'s.
  private static let headerRoom = Limits.extentHeaderBytesMax

  private let memory: AlignedBuffer
  /// Bytes of payload that fit, a multiple of 4 KiB.
  package let payloadBytesMax: Int
  /// Bytes reserved in the ledger.
  package let reservedBytes: Int
  /// Arena memory that the payload lies in instead, if any.
  private var staged: StagedChunks?

  package init(payloadBytesMax: Int) {
    precondition(payloadBytesMax > 0, "an extent has payload")
    self.payloadBytesMax = SegmentFormat.padded(payloadBytesMax)
    reservedBytes = Self.reservedBytes(payloadBytesMax: payloadBytesMax)
    memory = AlignedBuffer(byteCount: reservedBytes)
  }

  static func reservedBytes(payloadBytesMax: Int) -> Int {
    SegmentFormat.padded(payloadBytesMax) + headerRoom
  }

  /// The payload comes into `chunks` from here on, until `takeStaged()`.
  func stage(in chunks: StagedChunks?) { staged = chunks }

  /// The arena memory with the payload; the buffer's own is in force again.
  func takeStaged() -> StagedChunks? {
    defer { staged = nil }
    return staged
  }

  /// The bytes `offset ..< offset + count` of the payload, in order.
  func pieces(offset: Int, count: Int) -> [UnsafeMutableRawBufferPointer] {
    var (start, left) = (offset, count)
    var pieces: [UnsafeMutableRawBufferPointer] = unsafe []
    while left > 0 {
      let piece = unsafe payload(offset: start, count: left)
      unsafe pieces.append(piece)
      start += piece.count
      left -= piece.count
    }
    return unsafe pieces
  }

  /// The bytes from `offset` on, `count` of them, or as many as lie behind each other in arena
  /// memory.
  package func payload(offset: Int, count: Int) -> UnsafeMutableRawBufferPointer {
    precondition(offset >= 0 && count >= 0 && offset + count <= payloadBytesMax, "outside payload")
    guard let staged else {
      return unsafe UnsafeMutableRawBufferPointer(
        rebasing: memory.mutableBytes[Self.headerRoom + offset..<Self.headerRoom + offset + count])
    }
    var start = offset
    for index in unsafe staged.pieces.indices {
      let piece = unsafe staged.pieces[index]
      if start < piece.count {
        let end = min(start + count, piece.count)
        return unsafe UnsafeMutableRawBufferPointer(rebasing: piece[start..<end])
      }
      start -= piece.count
    }
    preconditionFailure("outside the chunks staged")
  }

  /// The extent as it is to be written, multiples of 4 KiB: `header` with zeros behind it, and the
  /// payload; one piece but where the payload lies in arena memory.
  func extent(header: [UInt8], payloadBytes: Int) -> [UnsafeRawBufferPointer] {
    guard staged != nil else {
      return unsafe [contiguousExtent(header: header, payloadBytes: payloadBytes)]
    }
    precondition(payloadBytes % Limits.blockBytes == 0, "pages in chunks end on blocks")
    let head = unsafe contiguousExtent(header: header, payloadBytes: 0)
    return unsafe [head]
      + pieces(offset: 0, count: payloadBytes).map { UnsafeRawBufferPointer($0) }
  }

  /// Puts `header` right before the buffer's own payload and zeros behind both ends.
  private func contiguousExtent(header: [UInt8], payloadBytes: Int) -> UnsafeRawBufferPointer {
    let headerBytes = SegmentFormat.padded(header.count)
    let end = Self.headerRoom + SegmentFormat.padded(payloadBytes)
    precondition(headerBytes <= Self.headerRoom && payloadBytes <= payloadBytesMax, "extent size")
    let start = Self.headerRoom - headerBytes
    let bytes = unsafe memory.mutableBytes
    unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyBytes(from: header)
    unsafe bytes[start + header.count..<Self.headerRoom]
      .initializeMemory(as: UInt8.self, repeating: 0)
    unsafe bytes[Self.headerRoom + payloadBytes..<end]
      .initializeMemory(as: UInt8.self, repeating: 0)
    return unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }
}
