// The stretch of a segment that a scrub has in memory: read past every cache, in order, each block
// once.

internal import VarveBase

/// A moving window over one extent.
struct ScrubWindow {
  private let reader: SegmentReader
  private let buffer: AlignedBuffer
  /// End of the extent: behind it another may be being written right now.
  private let endOffset: UInt64
  private var start: UInt64 = 0
  private var count = 0
  /// Bytes read from the file since the last `takeBytesRead`.
  private var bytesRead = 0

  init(_ reader: SegmentReader, through buffer: AlignedBuffer, endOffset: UInt64) {
    self.reader = reader
    self.buffer = buffer
    self.endOffset = endOffset
  }

  /// What was read is forgotten: the next look reads again.
  mutating func forget() { count = 0 }

  mutating func takeBytesRead() -> Int {
    defer { bytesRead = 0 }
    return bytesRead
  }

  /// Gives the next bytes of `offset ..< end` to `body`; how many, 0 where the file ends before.
  mutating func piece(
    at offset: UInt64, end: UInt64, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(LogError) -> Int {
    precondition(offset < end && end <= endOffset, "a piece within the extent")
    if offset < start || offset >= start + UInt64(count) { try load(offset, end) }
    let held = start + UInt64(count)
    guard offset < held else { return 0 }
    let from = Int(offset - start)
    let upTo = Int(min(end, held) - start)
    unsafe body(UnsafeRawBufferPointer(rebasing: buffer.bytes[from..<upTo]))
    return upTo - from
  }

  private mutating func load(_ offset: UInt64, _ end: UInt64) throws(LogError) {
    let block = UInt64(Limits.blockBytes)
    start = offset / block * block
    do throws(LogError) {
      try read(upTo: endOffset)
    } catch {
      guard error.isDamage else { throw error }
      // A bad block among what is read ahead is not this piece's.
      try read(upTo: end)
    }
  }

  private mutating func read(upTo end: UInt64) throws(LogError) {
    count = 0
    let wanted = Int(min(UInt64(buffer.byteCount), SegmentFormat.padded(end) - start))
    let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.mutableBytes[0..<wanted])
    count = try unsafe reader.read(into: memory, at: start)
    bytesRead += count
  }
}
