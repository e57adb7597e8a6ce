// Put: pages out, from the caller's memory straight to the socket.

internal import VarveBase
package import VarveWire

/// What a Put wants beyond its pages.
package struct PutOptions: Sendable {
  /// Answer only when the pages are on disk.
  package var durable: Bool
  /// Ask first which pages are needed, and send only those.
  package var ask: Bool
  /// Seconds until the pages expire; 0: the namespace's.
  package var ttlSeconds: UInt64
  /// XXH3-64 of each page, where the caller knows them; empty: they are computed.
  package var checksums: [UInt64]

  package init(
    durable: Bool = false, ask: Bool = false, ttlSeconds: UInt64 = 0, checksums: [UInt64] = []
  ) {
    self.durable = durable
    self.ask = ask
    self.ttlSeconds = ttlSeconds
    self.checksums = checksums
  }
}

extension Client {
  /// Stores pages `first`, `first` + 1, … of `chain`, one for each buffer, none of them empty.
  ///
  /// - Returns: a status for each page: `.stored` and `.alreadyPresent` mean that the page can be
  ///   read.
  package func put(
    namespaceID: UInt32, chain: Chain, first: Int = 0, pages: [UnsafeRawBufferPointer],
    options: PutOptions = PutOptions()
  ) throws(ClientError) -> [PageStatus] {
    // On the wire a count of 0 means "to the end", which is not what no pages mean.
    guard unsafe !pages.isEmpty else { return [] }
    let sizes = unsafe pages.map { UInt32(clamping: $0.count) }
    let header = PutHeader(
      namespaceID: namespaceID, chain: chain, first: UInt32(first),
      count: unsafe UInt32(pages.count),
      pageBytes: Set(sizes).count == 1 ? [sizes[0]] : sizes,
      checksum: options.checksums.isEmpty
        ? unsafe pages.map { unsafe XXH3.hash($0) } : options.checksums,
      durable: options.durable, ttlSeconds: options.ttlSeconds, ask: options.ask)
    return try unsafe put(header, pages)
  }

  /// The same for pages in arrays.
  package func put(
    namespaceID: UInt32, chain: Chain, first: Int = 0, pages: [[UInt8]],
    options: PutOptions = PutOptions()
  ) throws(ClientError) -> [PageStatus] {
    // One buffer for all: an array of pointers into separate arrays cannot outlive its closure.
    let total = pages.reduce(0) { $0 + $1.count }
    let joined = UnsafeMutableRawBufferPointer.allocate(byteCount: max(total, 1), alignment: 64)
    defer { unsafe joined.deallocate() }
    var buffers: [UnsafeRawBufferPointer] = unsafe []
    var offset = 0
    for page in pages {
      let slot = unsafe UnsafeMutableRawBufferPointer(
        rebasing: joined[offset..<offset + page.count])
      unsafe slot.copyBytes(from: page)
      unsafe buffers.append(UnsafeRawBufferPointer(slot))
      offset += page.count
    }
    return try unsafe put(
      namespaceID: namespaceID, chain: chain, first: first, pages: buffers, options: options)
  }

  /// Sends a header as it is, then the pages: for callers that try the server's checks.
  package func put(
    _ header: PutHeader, _ pages: [UnsafeRawBufferPointer]
  ) throws(ClientError) -> [PageStatus] {
    let stream = try connection.begin(.put, header.encode(), last: false)
    let count = unsafe pages.count
    var wanted = unsafe pages
    if header.ask {
      switch try putResponse(stream, count) {
      case .result(let status): return status
      case .need(let need):
        unsafe wanted = unsafe pages.indices.filter { need[$0] }.map { unsafe pages[$0] }
      }
      // "If need is all zero the result follows at once and the client sends nothing."
      if unsafe wanted.isEmpty { return try result(stream, count) }
    }
    if let early = try unsafe sendPages(stream, wanted, count) { return early }
    return try result(stream, count)
  }

  private enum Answer {
    case need(PageBitmap)
    case result([PageStatus])
  }

  /// Sends the bytes of `pages` joined; returns early when the server answers before their end.
  private func sendPages(
    _ stream: UInt32, _ pages: [UnsafeRawBufferPointer], _ count: Int
  ) throws(ClientError) -> [PageStatus]? {
    var cursor = unsafe PageCursor(pages)
    repeat {
      // The answer may come early (an error, a page that has no place): then sending is no use.
      while connection.isReadable || connection.sendCredit == 0 {
        // One frame only: behind a PING there may be nothing until DATA was sent.
        guard let frame = try connection.step(.put, stream) else { continue }
        if let answer = try answer(frame, count) {
          guard case .result(let status) = answer else {
            throw connection.end(.protocolViolation("Put: need without ask"))
          }
          return status
        }
      }
      let room = min(connection.payloadBytesMax, Self.dataBytesMax)
      let credit = connection.sendCredit.map { Int(min($0, UInt64(room))) } ?? room
      let parts = unsafe cursor.take(credit)
      try unsafe connection.sendData(.put, stream, parts, last: cursor.isDone)
    } while !cursor.isDone
    return nil
  }

  /// A DATA frame's payload: large enough that its head costs nothing, small enough that an early
  /// answer is seen soon.
  private static let dataBytesMax = 4 << 20

  private func result(_ stream: UInt32, _ count: Int) throws(ClientError) -> [PageStatus] {
    guard case .result(let status) = try putResponse(stream, count) else {
      throw connection.end(.protocolViolation("Put: need twice"))
    }
    return status
  }

  private func putResponse(_ stream: UInt32, _ count: Int) throws(ClientError) -> Answer {
    while true {
      if let answer = try answer(try connection.next(.put, stream), count) { return answer }
    }
  }

  /// What a frame of a Put's stream says; nil for a WINDOW.
  private func answer(_ frame: Frame, _ count: Int) throws(ClientError) -> Answer? {
    if frame.header.type == .window { return nil }
    let last = frame.header.flags.contains(.last)
    if frame.header.type == .response, frame.header.payloadBytes == 0 {
      switch try connection.decode(frame) as PutResponse {
      case .need(let bits) where !last:
        if let need = PageBitmap(bytes: bits, count: count) { return .need(need) }
      case .result(let status) where last && status.count == count: return .result(status)
      default: break
      }
    }
    throw connection.end(
      .protocolViolation("Put of \(count) pages answered by \(frame.header.type.name)"))
  }
}

/// Where in a list of pages the sending stands.
@safe private struct PageCursor {
  private let pages: [UnsafeRawBufferPointer]
  private var page = 0
  private var offset = 0

  init(_ pages: [UnsafeRawBufferPointer]) { unsafe self.pages = unsafe pages }

  var isDone: Bool { unsafe page == pages.count }

  /// The next up to `count` bytes, as parts of pages.
  mutating func take(_ count: Int) -> [UnsafeRawBufferPointer] {
    var parts: [UnsafeRawBufferPointer] = unsafe []
    var left = count
    while unsafe page < pages.count {
      let rest = unsafe pages[page][offset...]
      let part = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(left))
      if part.count > 0 { unsafe parts.append(part) }
      left -= part.count
      offset += part.count
      guard unsafe offset == pages[page].count else { break }
      page += 1
      offset = 0
      if left == 0 { break }
    }
    return unsafe parts
  }
}
