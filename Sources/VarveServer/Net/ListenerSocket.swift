// The system calls behind a listener: resolve, bind, listen, and a UNIX socket file left by a
// daemon that died.

internal import CLinux
internal import Glibc
internal import VarveBase

enum ListenerSocket {
  /// A listening TCP socket and the address it got.
  static func bindTCP(host: String, port: UInt16) throws(BindError) -> (Int32, ListenAddress) {
    let wanted = ListenAddress.tcp(host: host, port: port)
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let status = unsafe getaddrinfo(host, "\(port)", &hints, &list)
    guard status == 0, let first = unsafe list else {
      throw .unusable(
        address: "\(wanted)", what: unsafe String(cString: gai_strerror(status)))
    }
    defer { unsafe freeaddrinfo(first) }
    let descriptor = unsafe socket(
      first.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | flags, 0)
    guard descriptor >= 0 else { throw unusable(wanted, errno) }
    var on: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
    // The machine's default (bbr on some) halves the loopback throughput; accepted sockets inherit.
    _ = unsafe varve_set_congestion(descriptor, "cubic")
    guard unsafe bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0,
      listen(descriptor, Int32(Limits.acceptBacklog)) == 0
    else {
      let code = errno
      close(descriptor)
      throw code == EADDRINUSE ? .inUse(address: "\(wanted)") : unusable(wanted, code)
    }
    return (descriptor, .tcp(host: host, port: boundPort(descriptor) ?? port))
  }

  /// A listening UNIX socket, mode 0600. A file that nobody listens behind is replaced.
  static func bindUnix(path: String) throws(BindError) -> Int32 {
    let wanted = ListenAddress.unix(path: path)
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | flags, 0)
    guard descriptor >= 0 else { throw unusable(wanted, errno) }
    var code = unsafe withUnixAddress(path) { unsafe bind(descriptor, $0, $1) == 0 ? 0 : errno }
    if code == EADDRINUSE, isStale(path) {
      unsafe unlink(path)
      code = unsafe withUnixAddress(path) { unsafe bind(descriptor, $0, $1) == 0 ? 0 : errno }
    }
    // Nobody can connect before `listen`, so the mode is set in time.
    if code == 0, unsafe chmod(path, 0o600) != 0 { code = errno }
    if code == 0, listen(descriptor, Int32(Limits.acceptBacklog)) != 0 { code = errno }
    guard code == 0 else {
      close(descriptor)
      throw code == EADDRINUSE ? .inUse(address: "\(wanted)") : unusable(wanted, code)
    }
    return descriptor
  }

  private static let flags = Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)

  private static func unusable(_ address: ListenAddress, _ code: Int32) -> BindError {
    .unusable(address: "\(address)", what: unsafe String(cString: strerror(code)))
  }

  /// A socket file whose owner is dead: it is a socket, and connecting to it is refused.
  private static func isStale(_ path: String) -> Bool {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
      return false
    }
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | flags, 0)
    guard probe >= 0 else { return false }
    defer { close(probe) }
    return unsafe withUnixAddress(path) { unsafe connect(probe, $0, $1) == 0 ? 0 : errno }
      == ECONNREFUSED
  }

  private static func boundPort(_ descriptor: Int32) -> UInt16? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &size)
      }
    }
    guard status == 0 else { return nil }
    // The port stands at the same place, bytes 2 and 3, in both families.
    return unsafe withUnsafeBytes(of: &storage) {
      unsafe UInt16($0[2]) << 8 | UInt16($0[3])
    }
  }

  /// The address a socket is bound to; nil where it has none that we could print.
  static func boundAddress(_ descriptor: Int32) -> ListenAddress? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &size)
      }
    }
    guard status == 0 else { return nil }
    let bytes = unsafe withUnsafeBytes(of: &storage) { unsafe Array($0.prefix(Int(size))) }
    switch Int32(storage.ss_family) {
    case AF_UNIX:
      let path = bytes.dropFirst(MemoryLayout<sa_family_t>.size).prefix { $0 != 0 }
      return path.isEmpty ? nil : .unix(path: String(decoding: path, as: UTF8.self))
    case AF_INET, AF_INET6:
      let isSix = Int32(storage.ss_family) == AF_INET6
      // Behind family and port: the address; in sockaddr_in6 four bytes of flow label come first.
      let range = isSix ? 8..<24 : 4..<8
      guard bytes.count >= range.upperBound else { return nil }
      var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
      let named = unsafe bytes[range].withUnsafeBytes {
        unsafe inet_ntop(
          Int32(storage.ss_family), $0.baseAddress, &text, socklen_t(INET6_ADDRSTRLEN)) != nil
      }
      guard named else { return nil }
      let host = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      return .tcp(
        host: String(decoding: host, as: UTF8.self),
        port: UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
    default: return nil
    }
  }

  /// Calls `body` with the address of `path`, whose length `ListenAddress` has checked.
  static func withUnixAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    precondition(bytes.count <= ListenAddress.unixPathBytesMax, "the path fits its address")
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    // An abstract name ("@…", for $NOTIFY_SOCKET) begins with a zero and has no end mark.
    let offset = MemoryLayout<sa_family_t>.size
    if bytes.first == UInt8(ascii: "@") {
      unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0[0] = 0 }
      let length = socklen_t(offset + bytes.count)
      return unsafe call(&address, length, body)
    }
    return unsafe call(&address, socklen_t(MemoryLayout<sockaddr_un>.size), body)
  }

  private static func call(
    _ address: inout sockaddr_un, _ length: socklen_t,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, length)
      }
    }
  }
}
