// The ceiling: the same bytes with the same checks, and nothing else. No index, no frames, no
// windows, no crash safety: what varved loses against this is what those cost.

import Glibc
import VarveBase
import VarveFile

/// Serves each connection with a thread, or all with a few loops.
final class RawServer: Sendable {
  let port: UInt16
  private let listener: RawSocket
  private let pages: BenchPages
  private let coldFile: RawFile
  private let putFile: RawFile
  private let putEnd = Locked(0)

  /// Makes its pages in memory and `coldCopies` copies of them in a file.
  init(file: String, pageBytes: Int, pageCount: Int, coldCopies: Int = RawServer.coldCopies) throws
  {
    (listener, port) = try RawSocket.listening()
    pages = BenchPages(pageBytes: pageBytes, count: pageCount)
    coldFile = try RawFile(path: file)
    putFile = try RawFile(path: file + ".put")
    let bytes = unsafe pages.bytes(0..<pageCount)
    for copy in 0..<coldCopies {
      guard unsafe coldFile.write(bytes, at: copy * bytes.count) else {
        throw Failure("\(file) cannot be written: errno \(errno)")
      }
    }
    guard coldFile.sync() else { throw Failure("\(file) cannot be synced: errno \(errno)") }
  }

  static let coldCopies = 8
  /// As much as varved reads at a time, and whole pages.
  private var bufferBytes: Int { max(4 << 20, pages.pageBytes) }

  var isDirect: Bool { coldFile.isDirect }

  /// Accepts until the process is ended.
  ///
  /// - Parameter loops: how many drive all connections; 0: a thread each.
  func serve(loops count: Int = 0) throws -> Never {
    let loops = count == 0 ? nil : try RawLoops(pages, loops: count)
    var accepted = 0
    while true {
      let socket = try listener.accepted()
      accepted += 1
      if let loops {
        try loops.take(socket, accepted)
        continue
      }
      // Detached: it ends with its client.
      _ = NamedThread("raw-serve") { [self] in
        do { try serve(socket) } catch { Console.note("raw server: \(error)") }
      }
    }
  }

  private func serve(_ socket: RawSocket) throws {
    // Made for the first request that needs it: hundreds of connections may want none.
    let rings = LazyRing(byteCount: bufferBytes)
    defer { rings.end() }
    var request = RawRequest(.get)
    while try unsafe withUnsafeMutableBytes(of: &request, { try unsafe socket.receive($0) }) {
      let (first, count) = (Int(request.first), Int(request.count))
      switch RawRequest.Operation(rawValue: request.operation) {
      case .get: try unsafe socket.send(pages.bytes(first..<first + count))
      case .cold: try sendCold(first, count, socket, rings.ring)
      case .put: try receivePut(count, Int(request.pageBytes), socket, rings.ring)
      case .echo: try echo(received: Int(request.pageBytes), sent: first, socket, rings.ring)
      case .reset:
        putEnd.withLock { $0 = 0 }
        try answer(putFile.empty() ? RawRequest.good : RawRequest.bad, socket)
      case nil: throw Failure("request \(request.operation) is not known")
      }
    }
  }

  private func answer(_ value: UInt64, _ socket: RawSocket) throws {
    try unsafe withUnsafeBytes(of: value) { try unsafe socket.send($0) }
  }

  /// Reads ahead of the socket.
  private func sendCold(_ first: Int, _ count: Int, _ socket: RawSocket, _ ring: BufferRing) throws
  {
    let (begin, end) = (first * pages.pageBytes, (first + count) * pages.pageBytes)
    let file = coldFile
    func submit(_ offset: Int, _ buffer: Int) {
      let length = min(bufferBytes, end - offset)
      ring.submit(buffer) { memory in
        unsafe file.read(
          into: UnsafeMutableRawBufferPointer(rebasing: memory.mutableBytes[..<length]), at: offset)
      }
    }
    var asked = begin
    for buffer in 0..<BufferRing.count where asked < end {
      submit(asked, buffer)
      asked += bufferBytes
    }
    var (sent, buffer) = (begin, 0)
    while sent < end {
      guard ring.wait(buffer) else { throw Failure("the cold file cannot be read") }
      let length = min(bufferBytes, end - sent)
      try unsafe socket.send(
        UnsafeRawBufferPointer(rebasing: ring.buffers[buffer].bytes[..<length]))
      sent += length
      if asked < end {
        submit(asked, buffer)
        asked += bufferBytes
      }
      buffer = (buffer + 1) % BufferRing.count
    }
  }

  /// Receives into one buffer and verifies there while others are written.
  private func receivePut(
    _ count: Int, _ pageBytes: Int, _ socket: RawSocket, _ ring: BufferRing
  ) throws {
    var expected = [UInt64](repeating: 0, count: count)
    guard try unsafe expected.withUnsafeMutableBytes({ try unsafe socket.receive($0) }) else {
      throw Failure("a put ended before its checksums")
    }
    let perBuffer = bufferBytes / pageBytes
    var (page, buffer, isGood) = (0, 0, true)
    let file = putFile
    while page < count {
      guard ring.wait(buffer) else { throw Failure("the file of puts cannot be written") }
      let pagesNow = min(perBuffer, count - page)
      for slot in 0..<pagesNow {
        let memory = unsafe UnsafeMutableRawBufferPointer(
          rebasing: ring.buffers[buffer].mutableBytes[slot * pageBytes..<(slot + 1) * pageBytes])
        guard try unsafe socket.receive(memory) else { throw Failure("a put ended early") }
        if unsafe XXH3.hash(UnsafeRawBufferPointer(memory)) != expected[page + slot] {
          isGood = false
        }
      }
      let length = pagesNow * pageBytes
      let offset = putEnd.withLock { end in
        defer { end += length }
        return end
      }
      ring.submit(buffer) { memory in
        unsafe file.write(UnsafeRawBufferPointer(rebasing: memory.bytes[..<length]), at: offset)
      }
      page += pagesNow
      buffer = (buffer + 1) % BufferRing.count
    }
    isGood = ring.waitForAll() && isGood
    try answer(isGood ? RawRequest.good : RawRequest.bad, socket)
  }

  private func echo(
    received: Int, sent: Int, _ socket: RawSocket, _ ring: BufferRing
  ) throws {
    guard max(received, sent) <= bufferBytes else { throw Failure("an echo of \(received)") }
    let memory = unsafe ring.buffers[0].mutableBytes
    guard
      try unsafe socket.receive(UnsafeMutableRawBufferPointer(rebasing: memory[..<received]))
    else { throw Failure("an echo ended early") }
    try unsafe socket.send(UnsafeRawBufferPointer(rebasing: memory[..<sent]))
  }
}
