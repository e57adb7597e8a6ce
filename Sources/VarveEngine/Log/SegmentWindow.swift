// The stretch of a segment that whoever walks along it has in memory: read past every cache, in
// large pieces, each block once.

internal import VarveBase

/// A moving window over a segment's file.
///
/// A block that the disk refuses takes nothing along that would have been read with it: up to the
/// end of that stretch only what is asked for is read.
struct SegmentWindow {
  private let reader: SegmentReader
  private let buffer: AlignedBuffer
  /// Nothing is read behind it: there another extent may be being written right now.
  private let endOffset: UInt64
  private var start: UInt64 = 0
  private var count = 0
  /// A read ahead that was refused would have ended here.
  private var narrowUpTo: UInt64 = 0
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

  /// `count` bytes, at most the buffer's, from `offset`; nil where the file ends before.
  mutating func bytes(at offset: UInt64, count wanted: Int) throws(LogError) -> [UInt8]? {
    let end = offset + UInt64(wanted)
    if offset < start || end > start + UInt64(count) { try load(offset, end) }
    guard end <= start + UInt64(count) else { return nil }
    let from = Int(offset - start)
    return unsafe Array(buffer.bytes[from..<from + wanted])
  }

  private mutating func load(_ offset: UInt64, _ end: UInt64) throws(LogError) {
    let block = UInt64(Limits.blockBytes)
    start = offset / block * block
    let needed = min(end, endOffset)
    guard start >= narrowUpTo else { return try read(upTo: needed) }
    do throws(LogError) {
      try read(upTo: endOffset)
    } catch {
      guard error.isDamage else { throw error }
      narrowUpTo = start + UInt64(buffer.byteCount)
      try read(upTo: needed)
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
