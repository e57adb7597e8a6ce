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

  package init(payloadBytesMax: Int) {
    precondition(payloadBytesMax > 0, "an extent has payload")
    self.payloadBytesMax = SegmentFormat.padded(payloadBytesMax)
    reservedBytes = Self.reservedBytes(payloadBytesMax: payloadBytesMax)
    memory = AlignedBuffer(byteCount: reservedBytes)
  }

  static func reservedBytes(payloadBytesMax: Int) -> Int {
    SegmentFormat.padded(payloadBytesMax) + headerRoom
  }

  /// The bytes `offset ..< offset + count` of the payload.
  package func payload(offset: Int, count: Int) -> UnsafeMutableRawBufferPointer {
    precondition(offset >= 0 && count >= 0 && offset + count <= payloadBytesMax, "outside payload")
    return unsafe UnsafeMutableRawBufferPointer(
      rebasing: memory.mutableBytes[Self.headerRoom + offset..<Self.headerRoom + offset + count])
  }

  /// Puts `header` right before the payload and zeros behind both ends; gives the whole extent, a
  /// multiple of 4 KiB, as it is to be written.
  func extent(header: [UInt8], payloadBytes: Int) -> UnsafeRawBufferPointer {
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
