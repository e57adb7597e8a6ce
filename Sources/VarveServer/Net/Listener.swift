// A bound and listening socket and the Dispatch source that accepts from it.

internal import CLinux
// Dispatch's sources are not marked Sendable; the sentence at the type says why that is sound.
@unsafe @preconcurrency package import Dispatch
internal import Glibc
internal import VarveBase

/// Why an address cannot be listened on.
package enum BindError: Error, Equatable, Sendable {
  /// Someone listens there (exit code 4).
  case inUse(address: String)
  /// The address cannot be had at all (exit code 2).
  case unusable(address: String, what: String)

  package var message: String {
    switch self {
    case .inUse(let address): "\(address) is in use by another process"
    case .unusable(let address, let what): "cannot listen on \(address): \(what)"
    }
  }
}

/// Owns one listening socket. Accepts nothing until `start`.
package final class Listener: @unchecked Sendable {
  // Sendable is sound: the descriptor never changes, and `source` is touched on `queue` alone.
  package let address: ListenAddress
  private let descriptor: Int32
  private let queue: DispatchQueue
  private var source: (any DispatchSourceRead)?
  /// Set while accepting pauses; a suspended source must be resumed before it may be let go.
  private var pausedSource: (any DispatchSourceRead)?
  private var isClosed = false
  /// The socket's file is ours to remove.
  private let ownsPath: Bool

  /// Binds and listens; the address printed is the one the kernel gave (port 0).
  package init(_ wanted: ListenAddress, queue: DispatchQueue) throws(BindError) {
    self.queue = queue
    switch wanted {
    case .tcp(let host, let port):
      (descriptor, address) = try ListenerSocket.bindTCP(host: host, port: port)
    case .unix(let path):
      descriptor = try ListenerSocket.bindUnix(path: path)
      address = wanted
    }
    ownsPath = true
  }

  /// Takes over a socket that a service manager listens on.
  package init(
    adopting socket: ActivatedSocket, insecure: Bool, queue: DispatchQueue
  ) throws(BindError) {
    self.queue = queue
    address = try socket.adopt(insecure: insecure)
    descriptor = socket.descriptor
    ownsPath = false
  }

  deinit { precondition(isClosed, "a listener must be closed") }

  /// Gives every accepted socket to `accepted`, on the queue.
  package func start(_ accepted: @escaping @Sendable (Socket) -> Void) {
    queue.async { [self] in
      guard source == nil, !isClosed else { return }
      let made = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
      source = made
      made.setEventHandler { [self] in acceptReady(accepted) }
      made.setCancelHandler { [descriptor] in Glibc.close(descriptor) }
      made.activate()
    }
  }

  private func acceptReady(_ accepted: @Sendable (Socket) -> Void) {
    for _ in 0..<Limits.acceptsAtOnce {
      let made = varve_accept(descriptor)
      guard made < 0 else {
        accepted(Socket(owning: made))
        continue
      }
      if errno == EAGAIN || errno == ECONNABORTED || errno == EINTR { return }
      // Out of descriptors or memory: the backlog stays readable, so pause instead of spinning.
      source?.suspend()
      queue.asyncAfter(deadline: .now() + .milliseconds(100)) { [self] in
        pausedSource?.resume()
        pausedSource = nil
      }
      pausedSource = source
      return
    }
  }

  /// Stops accepting and frees the address; returns when no more sockets will come.
  package func close() {
    queue.sync {
      guard !isClosed else { return }
      isClosed = true
      if let source { source.cancel() } else { Glibc.close(descriptor) }
      source = nil
      if ownsPath, case .unix(let path) = address { _ = unsafe unlink(path) }
    }
  }
}
