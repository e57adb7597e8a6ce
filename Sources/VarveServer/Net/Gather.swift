// What goes out in one go: small bytes in memory of their own, large ones where they lie, in order.

internal import Glibc
internal import VarveBase

/// Vectors for `sendmsg`, and how much of them has left. What they point into is held by whoever
/// appends it.
@safe struct Gather {
  private var own: [UInt8]
  /// One without a base is the next so many bytes of `own`.
  private var vectors: [iovec] = unsafe []
  private(set) var byteCount = 0
  /// Vectors that have left, bytes of the next that have, and bytes of `own` before that.
  private var next = (vector: 0, bytes: 0, own: 0)

  /// - Parameter own: bytes that `appendOwn(_:)` will say the places of.
  init(own: [UInt8] = []) { self.own = own }

  var isEmpty: Bool { byteCount == 0 }

  /// Nothing is left to be sent.
  var isSent: Bool { unsafe next.vector == vectors.count }

  /// Copies `bytes`; what is appended so behind each other is one vector.
  mutating func append(_ bytes: [UInt8]) {
    if own.isEmpty { own = bytes } else { own += bytes }
    appendOwn(bytes.count)
  }

  /// The next `count` of the bytes given at first.
  mutating func appendOwn(_ count: Int) {
    guard count > 0 else { return }
    byteCount += count
    if let last = unsafe vectors.last, unsafe last.iov_base == nil {
      unsafe vectors[vectors.count - 1].iov_len += count
    } else {
      unsafe vectors.append(iovec(iov_base: nil, iov_len: count))
    }
  }

  /// Bytes that lie elsewhere, and stay there until they have left.
  mutating func append(memory: UnsafeRawBufferPointer) {
    guard let base = memory.baseAddress, memory.count > 0 else { return }
    byteCount += memory.count
    unsafe vectors.append(
      iovec(iov_base: UnsafeMutableRawPointer(mutating: base), iov_len: memory.count))
  }

  /// One call of the kernel with what is left, as much as fits it; the bytes it took.
  ///
  /// - Parameter waits: until the kernel takes something; else it may take nothing.
  mutating func send(to socket: Socket, waits: Bool) throws(SocketError) -> Int {
    let windowCount = unsafe min(Limits.sendVectorsMax, vectors.count - next.vector)
    let result = unsafe own.withUnsafeBytes { own in
      unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: windowCount) { window in
        unsafe fill(window, own)
        return Result { () throws(SocketError) in try unsafe socket.send(window, waits: waits) }
      }
    }
    let count = try result.get()
    move(count)
    return count
  }

  /// The vectors of the next call, with their bases.
  private func fill(
    _ window: UnsafeMutableBufferPointer<iovec>, _ own: UnsafeRawBufferPointer
  ) {
    var offset = next.own
    for index in window.indices {
      var vector = unsafe vectors[next.vector + index]
      if unsafe vector.iov_base == nil {
        let base = unsafe own.baseAddress.map { unsafe $0 + offset }
        unsafe vector.iov_base = unsafe UnsafeMutableRawPointer(mutating: base)
        unsafe offset += vector.iov_len
      }
      if index == 0 {
        unsafe vector.iov_base = unsafe vector.iov_base.map { unsafe $0 + next.bytes }
        unsafe vector.iov_len -= next.bytes
      }
      unsafe window.initializeElement(at: index, to: vector)
    }
  }

  private mutating func move(_ count: Int) {
    next.bytes += count
    while next.vector < (unsafe vectors.count) {
      let vector = unsafe vectors[next.vector]
      guard unsafe next.bytes >= vector.iov_len else { return }
      unsafe next.bytes -= vector.iov_len
      if unsafe vector.iov_base == nil { unsafe next.own += vector.iov_len }
      next.vector += 1
    }
  }
}
