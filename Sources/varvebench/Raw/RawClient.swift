// The asking side of the ceiling: verifies what comes, as varved's client does.

import VarveBase

/// One connection to a raw server. Not for several threads.
final class RawClient {
  private let socket: RawSocket
  private let pages: BenchPages
  private let page: AlignedBuffer

  var pageCount: Int { pages.count }

  init(port: UInt16, pages: BenchPages) throws {
    socket = try .connected(port: port)
    self.pages = pages
    page = AlignedBuffer(byteCount: (pages.pageBytes + 4095) / 4096 * 4096)
  }

  /// Receives pages and verifies each; `first` counts through the copies in the cold file.
  func get(_ operation: RawRequest.Operation, first: Int, count: Int) throws {
    try send(RawRequest(operation, first: first, count: count))
    for index in first..<first + count {
      let memory = unsafe UnsafeMutableRawBufferPointer(
        rebasing: page.mutableBytes[..<pages.pageBytes])
      guard try unsafe socket.receive(memory) else { throw Failure("the raw server went away") }
      let found = unsafe XXH3.hash(UnsafeRawBufferPointer(memory))
      guard found == pages.checksums[index % pages.count] else {
        throw Failure("raw: page \(index) came with other bytes than were sent")
      }
    }
  }

  /// Sends pages with checksums computed now, and waits until they are verified and written.
  func put(first: Int, count: Int) throws {
    try send(RawRequest(.put, count: count, pageBytes: pages.pageBytes))
    let checksums = (first..<first + count).map { unsafe XXH3.hash(pages.bytes($0..<$0 + 1)) }
    try unsafe checksums.withUnsafeBytes { try unsafe socket.send($0) }
    try unsafe socket.send(pages.bytes(first..<first + count))
    try expectGood()
  }

  /// Sends `sent` bytes and waits for `received`.
  func echo(sent: Int, received: Int) throws {
    precondition(max(sent, received) <= page.byteCount, "an echo fits the buffer")
    try send(RawRequest(.echo, first: received, pageBytes: sent))
    try unsafe socket.send(UnsafeRawBufferPointer(rebasing: page.bytes[..<sent]))
    let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: page.mutableBytes[..<received])
    guard try unsafe socket.receive(memory) else { throw Failure("the raw server went away") }
  }

  /// Empties the file of puts.
  func reset() throws {
    try send(RawRequest(.reset))
    try expectGood()
  }

  private func send(_ request: RawRequest) throws {
    try unsafe withUnsafeBytes(of: request) { try unsafe socket.send($0) }
  }

  private func expectGood() throws {
    var verdict: UInt64 = 0
    let isThere = try unsafe withUnsafeMutableBytes(of: &verdict) { try unsafe socket.receive($0) }
    guard isThere, verdict == RawRequest.good else {
      throw Failure("raw: the server found other bytes than were sent, or could not write them")
    }
  }
}
