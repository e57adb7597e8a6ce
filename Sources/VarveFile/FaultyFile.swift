// An open file of the fault-injecting file system.

internal import VarveBase

final class FaultyFile: File {
  private let inner: any File
  private let system: FaultyFileSystem

  init(_ inner: any File, _ system: FaultyFileSystem) {
    self.inner = inner
    self.system = system
  }

  var path: String { inner.path }
  var isDirect: Bool { inner.isDirect }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    try unsafe readVector(into: [buffer], at: offset)
  }

  func readVector(
    into buffers: [UnsafeMutableRawBufferPointer], at offset: UInt64
  ) throws(FileError) -> Int {
    let count = unsafe buffers.reduce(0) { $0 + $1.count }
    switch try system.effect(.read, .read, path, at: offset, count: count) {
    case .misdirect(let elsewhere): return try unsafe inner.readVector(into: buffers, at: elsewhere)
    case .cutShort(let most, _):
      return min(most, try unsafe inner.readVector(into: buffers, at: offset))
    case .flipBit(let bit):
      let got = try unsafe inner.readVector(into: buffers, at: offset)
      if got > 0 { unsafe Self.flip(bit % (got * 8), in: buffers) }
      return got
    default: return try unsafe inner.readVector(into: buffers, at: offset)
    }
  }

  private static func flip(_ bit: Int, in buffers: [UnsafeMutableRawBufferPointer]) {
    var byte = bit / 8
    for index in unsafe buffers.indices {
      let buffer = unsafe buffers[index]
      if byte < buffer.count {
        unsafe buffer[byte] ^= 1 << UInt8(bit % 8)
        return
      }
      byte -= buffer.count
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    try unsafe writeVector([bytes], at: offset)
  }

  func writeVector(_ buffers: [UnsafeRawBufferPointer], at offset: UInt64) throws(FileError) {
    let count = unsafe buffers.reduce(0) { $0 + $1.count }
    switch try system.effect(.write, .write, path, at: offset, count: count) {
    case .claimDone: return
    case .cutShort(let most, let errno):
      var left = isDirect ? most / 4096 * 4096 : most
      var position = offset
      for index in unsafe buffers.indices where left > 0 {
        let part = unsafe UnsafeRawBufferPointer(rebasing: buffers[index].prefix(left))
        try unsafe inner.write(part, at: position)
        position += UInt64(part.count)
        left -= part.count
      }
      throw .system(.write, path: path, errno: errno, offset: offset)
    default: try unsafe inner.writeVector(buffers, at: offset)
    }
  }

  func sync() throws(FileError) {
    if case .claimDone = try system.effect(.sync, .sync, path) { return }
    try inner.sync()
  }

  func truncate(to byteCount: UInt64) throws(FileError) {
    if case .claimDone = try system.effect(.truncate, .truncate, path, at: byteCount) { return }
    try inner.truncate(to: byteCount)
  }

  func size() throws(FileError) -> UInt64 {
    _ = try system.effect(.status, .status, path)
    return try inner.size()
  }

  func allocatedBytes() throws(FileError) -> UInt64 {
    _ = try system.effect(.status, .status, path)
    return try inner.allocatedBytes()
  }

  func dropCache() { inner.dropCache() }
}
