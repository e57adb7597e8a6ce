// Words to the service manager (sd_notify(3)): one datagram each to $NOTIFY_SOCKET, a path or an
// abstract name that begins with "@".

internal import Glibc

/// Tells systemd how the daemon stands. Without a socket, or when sending fails, nothing happens.
package struct ServiceNotifier: Sendable {
  private let path: String?
  /// How often `WATCHDOG=1` must come, in microseconds; nil when nobody waits for it.
  package let watchdogMicros: UInt64?

  package init(environment: [String: String], processID: Int32 = getpid()) {
    let socket = environment["NOTIFY_SOCKET"] ?? ""
    let isUsable =
      (socket.hasPrefix("/") || socket.hasPrefix("@"))
      && socket.utf8.count <= ListenAddress.unixPathBytesMax
    path = isUsable ? socket : nil
    let isForUs = environment["WATCHDOG_PID"].map { Int32($0) == processID } ?? true
    let micros = environment["WATCHDOG_USEC"].flatMap { UInt64($0) } ?? 0
    watchdogMicros = isForUs && micros > 0 ? micros : nil
  }

  /// Sends `word` (`READY=1`, `STOPPING=1`, `WATCHDOG=1`); true when it left.
  @discardableResult
  package func send(_ word: String) -> Bool {
    guard let path else { return false }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let bytes = Array(word.utf8)
    return unsafe ListenerSocket.withUnixAddress(path) { address, length in
      let sent = unsafe bytes.withUnsafeBytes {
        unsafe sendto(
          descriptor, $0.baseAddress, $0.count,
          Int32(MSG_NOSIGNAL | MSG_DONTWAIT), address, length)
      }
      return sent == bytes.count ? 0 : errno
    } == 0
  }
}
