// A thread with a name that top, gdb and perf show.

internal import CLinux
internal import Glibc
internal import VarveBase

/// A kernel thread running one body; joined, or left to end by itself.
@safe package final class NamedThread: @unchecked Sendable {
  // Sendable is sound: `handle` is written before the value is given out, and joined once.
  private final class Start {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  private var handle = pthread_t()
  private let isJoined = Locked(false)

  /// - Parameter name: the kernel shows its first 15 bytes.
  package init(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    let status = unsafe pthread_create(
      &handle, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        unsafe start.name.withCString { unsafe varve_name_thread($0) }
        start.body()
        return nil
      }, start.toOpaque())
    precondition(status == 0, "pthread_create gave \(status)")
  }

  deinit {
    if !isJoined.withLock({ $0 }) { pthread_detach(handle) }
  }

  /// Waits for the body to return. Once.
  package func join() {
    let isFirst = isJoined.withLock { joined in
      defer { joined = true }
      return !joined
    }
    precondition(isFirst, "a thread is joined once")
    pthread_join(handle, nil)
  }
}
