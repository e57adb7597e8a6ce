// An open file of the in-memory file system, and its lock file.

internal import VarveBase

final class MemoryFile: File {
  let path: String
  let isDirect: Bool
  private let system: MemoryFileSystem
  private let number: Int

  init(_ system: MemoryFileSystem, path: String, node: Int, isDirect: Bool) {
    self.system = system
    self.path = path
    self.isDirect = isDirect
    number = node
  }

  deinit { system.state.withLock { $0.closed(number) } }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    unsafe requireAligned(buffer.baseAddress, buffer.count, offset)
    return withNode { unsafe $0.read(into: buffer, at: Int(offset)) }
  }

  func readVector(
    into buffers: [UnsafeMutableRawBufferPointer], at offset: UInt64
  ) throws(FileError) -> Int {
    var done = 0
    for index in unsafe buffers.indices {
      let buffer = unsafe buffers[index]
      let got = try unsafe read(into: buffer, at: offset + UInt64(done))
      done += got
      if got < buffer.count { break }
    }
    return done
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    unsafe requireAligned(bytes.baseAddress, bytes.count, offset)
    let fits = system.state.withLock { state in
      let room = Int(clamping: state.totalBytes) - state.usedBytes
      let before = state.nodes[number]?.allocatedBytes ?? 0
      // Blocks already there cost nothing; the sum is an upper bound for the common append.
      if bytes.count > room, Int(offset) + bytes.count > before { return false }
      let stamp = state.nextStamp()
      unsafe state.nodes[number]?.write(bytes, at: Int(offset), stamp: stamp)
      state.lastWrite = (number, Int(offset)..<Int(offset) + bytes.count)
      return true
    }
    if !fits { throw .memory(.write, path, Errno.noSpace, offset: offset) }
  }

  func writeVector(_ buffers: [UnsafeRawBufferPointer], at offset: UInt64) throws(FileError) {
    var position = offset
    for index in unsafe buffers.indices {
      let buffer = unsafe buffers[index]
      try unsafe write(buffer, at: position)
      position += UInt64(buffer.count)
    }
  }

  func sync() throws(FileError) { withNode { $0.sync() } }

  func truncate(to byteCount: UInt64) throws(FileError) {
    let stamp = system.state.withLock { $0.nextStamp() }
    withNode { $0.truncate(to: Int(byteCount), stamp: stamp) }
  }

  func size() throws(FileError) -> UInt64 { UInt64(withNode { $0.size }) }

  func allocatedBytes() throws(FileError) -> UInt64 { UInt64(withNode { $0.allocatedBytes }) }

  func dropCache() {}

  private func withNode<Result>(_ body: (inout MemoryNode) -> Result) -> Result {
    system.state.withLock { state in
      guard var node = state.nodes.removeValue(forKey: number) else {
        preconditionFailure("\(path): an open file has a node")
      }
      defer { state.nodes[number] = node }
      return body(&node)
    }
  }

  private func requireAligned(_ base: UnsafeRawPointer?, _ count: Int, _ offset: UInt64) {
    guard isDirect else { return }
    let block = MemoryNode.blockBytes
    let address = UInt(bitPattern: base)
    precondition(
      Int(bitPattern: address) % block == 0 && count % block == 0 && Int(offset) % block == 0,
      "\(path): direct transfer of \(count) bytes at \(offset) is not aligned")
  }
}

final class MemoryFileLock: FileLock {
  let path: String
  private let system: MemoryFileSystem

  init(_ system: MemoryFileSystem, path: String) {
    self.system = system
    self.path = path
  }

  deinit { system.state.withLock { _ = $0.locked.remove(path) } }
}
