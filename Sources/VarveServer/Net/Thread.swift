// Threads with names and small stacks. Dispatch workers must not wait for sockets or disks, so what
// waits has a thread of its own.

internal import CLinux
internal import Glibc

/// Starts detached threads.
package enum Thread {
  /// Enough for a protobuf decode and the deepest call under it (measured by the tests running on
  /// such threads); address space, not memory, until touched.
  package static let stackBytesDefault = 256 << 10

  @safe private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  /// Runs `body` on a new thread; false when the system has no thread to give.
  package static func start(
    _ name: String, stackBytes: Int = stackBytesDefault, _ body: @escaping @Sendable () -> Void
  ) -> Bool {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setstacksize(&attributes, stackBytes)
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    var thread = pthread_t()
    let status = unsafe pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument = unsafe argument else { preconditionFailure("a thread has its start") }
        let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        unsafe varve_name_thread(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    if status != 0 { unsafe start.release() }
    return status == 0
  }
}
