// The other ceiling: the raw server's gets from memory, driven by readiness instead of by a thread
// a connection. Serves nothing else.

import CBench
import Glibc
import VarveBase
import VarveFile

/// A few threads, each with an epoll of its own and the connections it was given.
final class RawLoops: Sendable {
  private static let eventsMax: Int32 = 64
  private let epolls: [Int32]
  private let connections = Locked<[Int32: Connection]>([:])
  private let pages: BenchPages

  /// One loop a processor: more would only take turns.
  init(_ pages: BenchPages, loops: Int) throws {
    self.pages = pages
    epolls = try (0..<loops).map { _ in
      let made = varve_epoll()
      guard made >= 0 else { throw Failure("epoll: errno \(errno)") }
      return made
    }
    for epoll in epolls {
      _ = NamedThread("raw-loop") { [self] in
        do { try run(epoll) } catch { Console.note("raw loop: \(error)") }
      }
    }
  }

  /// Takes the `number`th connection; the loop owns it from here on.
  func take(_ socket: RawSocket, _ number: Int) throws {
    let flags = fcntl(socket.descriptor, F_GETFL)
    guard fcntl(socket.descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
      throw Failure("fcntl: errno \(errno)")
    }
    let connection = Connection(socket)
    connections.withLock { $0[socket.descriptor] = connection }
    try watch(epolls[number % epolls.count], connection, isNew: true)
  }

  /// One connection: the request as far as it has come, the answer as far as it has left.
  /// Used by its loop alone.
  private final class Connection: @unchecked Sendable {
    // Sendable is sound: handed to one loop, once.
    let socket: RawSocket
    var request = RawRequest(.get)
    var received = 0
    var sending = 0..<0

    init(_ socket: RawSocket) { self.socket = socket }
  }

  private func watch(
    _ epoll: Int32, _ connection: Connection, isNew: Bool = false, forWriting: Bool = false
  ) throws {
    let status = varve_epoll_watch(
      epoll, connection.socket.descriptor, isNew ? 1 : 0, forWriting ? 1 : 0)
    guard status == 0 else { throw Failure("epoll: errno \(errno)") }
  }

  private func run(_ epoll: Int32) throws {
    var ready = [Int32](repeating: 0, count: Int(Self.eventsMax))
    while true {
      let count = unsafe varve_epoll_wait(epoll, &ready, Self.eventsMax)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure("epoll: errno \(errno)") }
      for descriptor in ready[..<Int(count)] {
        guard let connection = connections.withLock({ $0[descriptor] }) else { continue }
        try step(epoll, connection)
      }
    }
  }

  /// Goes on with one connection until it has to wait.
  private func step(_ epoll: Int32, _ connection: Connection) throws {
    while true {
      if connection.sending.isEmpty {
        switch try receive(connection) {
        case .some(true): break
        case .some(false):
          connections.withLock { $0[connection.socket.descriptor] = nil }
          return
        case nil: return
        }
      }
      let bytes = unsafe pages.bytes(0..<pages.count)
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[connection.sending])
      let count = unsafe send(
        connection.socket.descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
      if count < 0, errno == EAGAIN {
        return try watch(epoll, connection, forWriting: true)
      }
      guard count >= 0 else { throw Failure("raw loop: send: errno \(errno)") }
      connection.sending.removeFirst(count)
      if connection.sending.isEmpty { try watch(epoll, connection) }
    }
  }

  /// True when a whole request has come, false at the end, nil when there is more to wait for.
  private func receive(_ connection: Connection) throws -> Bool? {
    let count = unsafe withUnsafeMutableBytes(of: &connection.request) { memory in
      let room = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[connection.received...])
      return unsafe recv(connection.socket.descriptor, room.baseAddress, room.count, 0)
    }
    if count < 0, errno == EAGAIN { return nil }
    if count <= 0 { return false }
    connection.received += count
    guard connection.received == RawRequest.byteCount else { return nil }
    connection.received = 0
    let request = connection.request
    guard RawRequest.Operation(rawValue: request.operation) == .get else {
      throw Failure("raw loop: request \(request.operation) is not served by loops")
    }
    let (first, end) = (Int(request.first), Int(request.first) + Int(request.count))
    connection.sending = first * pages.pageBytes..<end * pages.pageBytes
    return true
  }
}
