// Get: pages in, each whole and verified before the caller sees it.

internal import VarveBase
package import VarveWire

extension Client {
  /// Reads pages of a chain, in order, until the first that is missing (`sparse`: all of them).
  ///
  /// - Parameters:
  ///   - begun: called when the first bytes of the answer have come.
  ///   - receive: called for each page with its index in the chain, its status and its bytes, which
  ///     are only there during the call and match their checksum. Pages that are `.missing` or
  ///     `.dataLoss` have none; a page whose reading failed at the server after its bytes were
  ///     promised comes as `.dataLoss` behind pages with higher indices. False ends the call.
  /// - Returns: how many pages came with their bytes.
  /// - Throws: `.checksumMismatch` after every other page was delivered.
  @discardableResult
  package func get(
    _ request: GetRequest, begun: () -> Void = {},
    receive: (_ page: Int, _ status: PageStatus, _ bytes: RawSpan) -> Bool
  ) throws(ClientError) -> Int {
    let stream = try connection.begin(.get, request.encode(), last: true)
    let run = RunReader(connection, stream)
    return try run.read(begun, receive)
  }

  /// Reads pages into arrays; nil for those that are missing or lost.
  package func get(_ request: GetRequest) throws(ClientError) -> [[UInt8]?] {
    var pages: [Int: [UInt8]] = [:]
    var end = Int(request.first)
    try get(request) { page, status, bytes in
      if status == .present { pages[page] = bytes.copy(0, count: bytes.byteCount) }
      end = max(end, page + 1)
      return true
    }
    return (Int(request.first)..<end).map { pages[$0] }
  }
}

/// The answer of one Get as it comes.
private final class RunReader {
  private let connection: Connection
  private let stream: UInt32
  private var delivered = 0
  private var isCancelled = false
  private var isLast = false
  private var next: Int?
  /// Pages whose bytes did not match: judged when the run after them, or the end, has come.
  private var suspects: [(page: Int, expected: UInt64, found: UInt64)] = []

  init(_ connection: Connection, _ stream: UInt32) {
    self.connection = connection
    self.stream = stream
  }

  typealias Receive = (_ page: Int, _ status: PageStatus, _ bytes: RawSpan) -> Bool

  func read(_ begun: () -> Void, _ receive: Receive) throws(ClientError) -> Int {
    do throws(ClientError) {
      var isBegun = false
      while !isLast {
        let frame = try awaited(.response)
        if !isBegun { begun() }
        isBegun = true
        isLast = frame.header.flags.contains(.last)
        if frame.message.isEmpty, frame.header.payloadBytes == 0 {
          guard isLast else { throw violation("an empty run") }
          break
        }
        try readRun(try connection.decode(frame), receive)
      }
    } catch .problem(let problem) where isCancelled && problem.status == .cancelled {
      // What was asked for.
    }
    if let bad = suspects.first {
      throw .checksumMismatch(page: bad.page, expected: bad.expected, found: bad.found)
    }
    return delivered
  }

  private func readRun(_ run: PageRun, _ receive: Receive) throws(ClientError) {
    let pages: [PageRun.Page]
    do throws(WireError) { pages = try run.pages() } catch {
      throw violation(error.problem.message)
    }
    if try confirmLoss(pages, receive) { return }
    for page in pages {
      guard next.map({ $0 == Int(page.index) }) ?? true else {
        throw violation("page \(page.index) where \(next ?? 0) is due")
      }
      next = Int(page.index) + 1
      try readPage(page, receive)
    }
    guard connection.payloadRemaining == 0 else {
      throw violation("\(connection.payloadRemaining) bytes behind the last page of a run")
    }
  }

  /// A run of one page, lost, that was promised before: the bytes that came for it were padding.
  private func confirmLoss(
    _ pages: [PageRun.Page], _ receive: Receive
  ) throws(ClientError) -> Bool {
    guard pages.count == 1, pages[0].status == .dataLoss, pages[0].pageBytes == 0,
      let index = suspects.firstIndex(where: { $0.page == Int(pages[0].index) })
    else { return false }
    suspects.remove(at: index)
    try deliver(Int(pages[0].index), .dataLoss, RawSpan(), receive)
    return true
  }

  private func readPage(_ page: PageRun.Page, _ receive: Receive) throws(ClientError) {
    let index = Int(page.index)
    guard page.status == .present else {
      guard page.pageBytes == 0 else { throw violation("page \(index) is not there but has bytes") }
      return try deliver(index, page.status, RawSpan(), receive)
    }
    guard page.pageBytes > 0 else { throw violation("page \(index) is there but has no bytes") }
    guard page.pageBytes <= Limits.pageBytesMax else {
      throw violation("page \(index) of \(page.pageBytes) bytes is over \(Limits.pageBytesMax)")
    }
    let bytes = try unsafe fill(Int(page.pageBytes))
    let found = unsafe XXH3.hash(bytes)
    guard found == page.checksum else {
      suspects.append((index, page.checksum, found))
      return
    }
    delivered += isCancelled ? 0 : 1
    try deliver(index, .present, unsafe RawSpan(_unsafeBytes: bytes), receive)
  }

  private func deliver(
    _ page: Int, _ status: PageStatus, _ bytes: RawSpan, _ receive: Receive
  ) throws(ClientError) {
    guard !isCancelled, !receive(page, status, bytes) else { return }
    isCancelled = true
    if !isLast { try connection.cancel(.get, stream) }
  }

  /// The next `count` bytes of the run, over as many DATA frames as they take.
  private func fill(_ count: Int) throws(ClientError) -> UnsafeRawBufferPointer {
    let memory = unsafe connection.pageMemory(count)
    var filled = 0
    while filled < count {
      if connection.payloadRemaining == 0 {
        guard !isLast else { throw violation("the bytes end inside a page") }
        isLast = try awaited(.data).header.flags.contains(.last)
        continue
      }
      let part = min(count - filled, connection.payloadRemaining)
      let room = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[filled..<filled + part])
      try unsafe connection.payload(into: room, doing: "Get")
      filled += part
    }
    return UnsafeRawBufferPointer(memory)
  }

  private func awaited(_ type: FrameType) throws(ClientError) -> Frame {
    while true {
      let frame = try connection.next(.get, stream)
      if frame.header.type == .window { continue }
      guard frame.header.type == type else {
        throw violation("\(frame.header.type.name) where \(type.name) is due")
      }
      return frame
    }
  }

  private func violation(_ what: String) -> ClientError {
    connection.end(.protocolViolation("Get: \(what)"))
  }
}
