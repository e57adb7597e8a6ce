// The best client that we can write for a peer: one system call a page, pages received where they
// are verified, nothing copied but by the kernel. Used by one thread.

import VarveBase

/// The texts of one batch, made before the clock starts.
struct PeerBatch: Sendable {
  let pages: Range<Int>
  let getRequest: [UInt8]
  let getAnswer: [[UInt8]]
  let setRequest: [[UInt8]]
  let setAnswer: [UInt8]

  init(_ wire: any PeerProtocol, prefix: String, pages: Range<Int>, pageBytes: Int) {
    let keys = pages.map { "\(prefix)-\(pageBytes)-\($0)" }
    self.pages = pages
    getRequest = wire.getRequest(keys)
    getAnswer = wire.getAnswer(keys, pageBytes: pageBytes)
    setRequest = wire.setRequest(keys, pageBytes: pageBytes)
    setAnswer = wire.setAnswer(keys)
    precondition(getAnswer.count == pages.count + 1, "a piece before each value and one behind")
    precondition(setRequest.count == pages.count + 1, "a piece before each value and one behind")
  }
}

final class PeerClient {
  /// No answer takes so long; a peer that hangs ends the round with an error.
  private static let secondsMax = 20

  private let socket: RawSocket
  private let pages: BenchPages
  private let page: AlignedBuffer

  init(port: UInt16, pages: BenchPages) throws {
    socket = try .connected(port: port)
    socket.limitWaits(seconds: Self.secondsMax)
    self.pages = pages
    page = AlignedBuffer(byteCount: (pages.pageBytes + 4095) / 4096 * 4096)
  }

  /// Verifies every page that comes.
  func get(_ batch: PeerBatch) throws {
    try unsafe batch.getRequest.withUnsafeBytes { try unsafe socket.send($0) }
    try expect(batch.getAnswer[0])
    let memory = unsafe UnsafeMutableRawBufferPointer(
      rebasing: page.mutableBytes[..<pages.pageBytes])
    for (number, index) in batch.pages.enumerated() {
      let due = batch.getAnswer[number + 1]
      var came = [UInt8](repeating: 0, count: due.count)
      try unsafe came.withUnsafeMutableBytes { try unsafe socket.receive(memory, then: $0) }
      try check(came, due)
      guard unsafe XXH3.hash(UnsafeRawBufferPointer(memory)) == pages.checksums[index] else {
        throw Failure("page \(index) came with other bytes than were sent")
      }
    }
  }

  /// Sends pages with checksums computed now.
  func put(_ batch: PeerBatch) throws {
    for (number, index) in batch.pages.enumerated() {
      let bytes = unsafe pages.bytes(index..<index + 1)
      guard unsafe XXH3.hash(bytes) == pages.checksums[index] else {
        throw Failure("page \(index) has changed in our own memory")
      }
      let isLast = number + 1 == batch.pages.count
      let tail = isLast ? batch.setRequest[number + 1] : []
      try unsafe batch.setRequest[number].withUnsafeBytes { head in
        try unsafe tail.withUnsafeBytes { tail in try unsafe socket.send([head, bytes, tail]) }
      }
    }
    try expect(batch.setAnswer)
  }

  /// A short error instead of the answer is told, not waited behind.
  private func expect(_ due: [UInt8]) throws {
    var came: [UInt8] = []
    while came.count < due.count {
      came += try socket.receiveSome(due.count - came.count)
      try check(came, Array(due.prefix(came.count)))
    }
  }

  private func check(_ came: [UInt8], _ due: [UInt8]) throws {
    guard came != due else { return }
    let text = String(decoding: came.prefix(80), as: UTF8.self).filter { !$0.isNewline }
    throw Failure("the peer answered '\(text)'")
  }
}
