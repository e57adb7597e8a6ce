// What the writer sends in one go: frames' heads and messages in memory of their own, payloads
// where they lie. Everything it points into is held by it.

internal import Glibc
internal import VarveBase

/// Chunks in order; written by `write(to:)`.
@safe struct OutgoingBatch {
  /// Heads and messages joined (one copy of a hundred bytes costs less than a vector each), then
  /// the payload of the last of them.
  @safe private struct Chunk {
    var head: [UInt8] = []
    var run: OutgoingRun?
    var vectors: [iovec] = unsafe []
  }

  private var chunks: [Chunk] = []
  private(set) var byteCount = 0
  /// Bytes of pages among them.
  private(set) var pageBytes = 0
  /// The request whose pages are among them: a batch has those of one.
  var context: RequestContext?
  /// Something of a run is among them, be it a run without bytes: its get may want a further batch.
  private(set) var hasRuns = false

  var isEmpty: Bool { chunks.isEmpty }

  mutating func append(_ bytes: [UInt8]) {
    if chunks.isEmpty || chunks[chunks.count - 1].run != nil { chunks.append(Chunk()) }
    chunks[chunks.count - 1].head += bytes
    byteCount += bytes.count
  }

  mutating func append(_ run: OutgoingRun, count: Int, at cursor: inout OutgoingRun.Cursor) {
    if chunks.isEmpty || chunks[chunks.count - 1].run != nil { chunks.append(Chunk()) }
    chunks[chunks.count - 1].run = run
    unsafe run.take(count, at: &cursor, into: &chunks[chunks.count - 1].vectors)
    byteCount += count
    pageBytes += count
    hasRuns = true
  }

  /// Sends everything. Each call of the kernel takes a head and as much payload as fits it.
  func write(to socket: Socket) throws(SocketError) {
    for chunk in chunks {
      let result = unsafe chunk.head.withUnsafeBytes { head in
        Result { () throws(SocketError) in
          var vectors: [iovec] = unsafe []
          if unsafe !head.isEmpty {
            let base = unsafe UnsafeMutableRawPointer(mutating: head.baseAddress)
            unsafe vectors.append(iovec(iov_base: base, iov_len: head.count))
          }
          unsafe vectors += chunk.vectors
          try unsafe Self.send(&vectors, to: socket)
        }
      }
      try result.get()
    }
  }

  private static func send(_ vectors: inout [iovec], to socket: Socket) throws(SocketError) {
    let result = unsafe vectors.withUnsafeMutableBufferPointer { all in
      Result { () throws(SocketError) in
        var index = 0
        while index < all.count {
          let end = min(index + Limits.sendVectorsMax, all.count)
          var sent = try unsafe socket.send(
            UnsafeMutableBufferPointer(rebasing: all[index..<end]))
          while index < end, unsafe sent >= all[index].iov_len {
            unsafe sent -= all[index].iov_len
            index += 1
          }
          guard sent > 0 else { continue }
          unsafe all[index].iov_base = unsafe all[index].iov_base.map { unsafe $0 + sent }
          unsafe all[index].iov_len -= sent
        }
      }
    }
    try result.get()
  }
}
