// The client's only door to the kernel: a connected socket, every wait of which the kernel ends in
// time. Unsafe: addresses and I/O vectors; no pointer outlives its call.

internal import Glibc
internal import VarveBase

/// Owns one connected socket.
struct Socket: ~Copyable {
  private let descriptor: Int32
  /// Longest wait for the peer to take or give a byte.
  let timeoutMillis: Int

  private init(descriptor: Int32, timeoutMillis: Int) {
    self.descriptor = descriptor
    self.timeoutMillis = timeoutMillis
  }

  deinit { _ = Glibc.close(descriptor) }

  /// Tells the peer and every later call that it is over; the descriptor goes with the value.
  func shut() { _ = Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// At least one byte into `bytes`; 0 when the peer has closed.
  func receive(
    _ bytes: UnsafeMutableRawBufferPointer, doing: String
  ) throws(ClientError) -> Int {
    while true {
      let count = unsafe recv(descriptor, bytes.baseAddress, bytes.count, 0)
      if count >= 0 { return count }
      try retry(errno, doing)
    }
  }

  /// All of `parts`, in order.
  func send(_ parts: [UnsafeRawBufferPointer], doing: String) throws(ClientError) {
    var vectors: [iovec] = unsafe []
    for index in unsafe parts.indices where unsafe parts[index].count > 0 {
      let base = unsafe UnsafeMutableRawPointer(mutating: parts[index].baseAddress)
      unsafe vectors.append(iovec(iov_base: base, iov_len: parts[index].count))
    }
    var next = 0
    while unsafe next < vectors.count {
      let count = unsafe sendSome(&vectors, from: next)
      guard count >= 0 else {
        try retry(errno, doing)
        continue
      }
      unsafe Self.advance(&vectors, &next, by: count)
    }
  }

  /// Whether something can be received (or the peer has closed) now.
  var isReadable: Bool {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&wanted, 1, 0) > 0
  }

  private func sendSome(_ vectors: inout [iovec], from next: Int) -> Int {
    unsafe vectors.withUnsafeMutableBufferPointer { all in
      var message = unsafe msghdr()
      unsafe message.msg_iov = unsafe all.baseAddress?.advanced(by: next)
      // IOV_MAX is 1024; the rest goes with the next call.
      unsafe message.msg_iovlen = min(all.count - next, 1024)
      return unsafe sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
    }
  }

  private static func advance(_ vectors: inout [iovec], _ next: inout Int, by count: Int) {
    var left = count
    while left > 0 {
      let length = unsafe vectors[next].iov_len
      guard left >= length else {
        unsafe vectors[next].iov_base = unsafe vectors[next].iov_base?.advanced(by: left)
        unsafe vectors[next].iov_len = length - left
        return
      }
      left -= length
      next += 1
    }
  }

  private func retry(_ code: Int32, _ doing: String) throws(ClientError) {
    switch code {
    case EINTR: return
    case EAGAIN: throw .timeout(doing: doing, millis: timeoutMillis)
    default: throw .connectionLost("\(doing): \(Self.text(code))")
    }
  }

  /// Waits for one of `events`, an error or the end; false when none came in time.
  private static func wait(_ descriptor: Int32, _ events: Int16, _ millis: Int) -> Bool {
    let clock = SystemClock()
    let end = clock.monotonicNanos() + UInt64(millis) * 1_000_000
    while true {
      let now = clock.monotonicNanos()
      let left = now < end ? (end - now + 999_999) / 1_000_000 : 0
      var wanted = pollfd(fd: descriptor, events: events, revents: 0)
      let ready = unsafe poll(&wanted, 1, Int32(clamping: left))
      if ready > 0 { return true }
      // EINTR: poll again for what is left.
      if ready == 0 || errno != EINTR { return false }
    }
  }

  /// From here on calls wait for the peer, `timeoutMillis` at most: a call that has to wait costs
  /// one system call, not three.
  private func waitInKernel() {
    let flags = fcntl(descriptor, F_GETFL)
    let status = fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK)
    precondition(flags >= 0 && status == 0, "fcntl of a socket gave errno \(errno)")
    var time = timeval(tv_sec: timeoutMillis / 1000, tv_usec: timeoutMillis % 1000 * 1000)
    let size = socklen_t(MemoryLayout<timeval>.size)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      let status = unsafe setsockopt(descriptor, SOL_SOCKET, option, &time, size)
      precondition(status == 0, "setsockopt of a timeout gave errno \(errno)")
    }
  }

  static func text(_ code: Int32) -> String {
    guard let text = unsafe strerror(code) else { return "errno \(code)" }
    return unsafe String(cString: text)
  }
}

extension Socket {
  /// A connection to `endpoint`; every address of a host name is tried once, in the resolver's
  /// order.
  static func connect(
    _ endpoint: Endpoint, connectMillis: Int, timeoutMillis: Int
  ) throws(ClientError) -> Socket {
    let result: Result<Int32, ClientError> =
      switch endpoint {
      case .unix(let path): connectUnix(path, connectMillis)
      case .tcp(let host, let port): connectTCP(host, port, connectMillis)
      }
    switch result {
    case .success(let descriptor):
      let made = Socket(descriptor: descriptor, timeoutMillis: timeoutMillis)
      made.waitInKernel()
      return made
    case .failure(.connect(_, let reason)):
      throw .connect(endpoint: "\(endpoint)", reason: reason)
    case .failure(let error): throw error
    }
  }

  private static func connectUnix(_ path: String, _ millis: Int) -> Result<Int32, ClientError> {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { room in
      guard bytes.count < room.count else { return false }
      unsafe room.copyBytes(from: bytes)
      return true
    }
    guard fits else { return .failure(.address("unix:\(path): the path is too long")) }
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe open(AF_UNIX, $0, socklen_t(MemoryLayout<sockaddr_un>.size), millis)
      }
    }
  }

  private static func connectTCP(
    _ host: String, _ port: UInt16, _ millis: Int
  ) -> Result<Int32, ClientError> {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(host, "\(port)", &hints, &list)
    guard code == 0 else {
      let why = unsafe gai_strerror(code).map { unsafe String(cString: $0) } ?? "code \(code)"
      return .failure(.address("cannot resolve \(host): \(why)"))
    }
    defer { unsafe freeaddrinfo(list) }
    var outcome = Result<Int32, ClientError>.failure(.address("\(host) has no address"))
    var entry = unsafe list
    while let info = unsafe entry {
      if let address = unsafe info.pointee.ai_addr {
        outcome = unsafe open(
          info.pointee.ai_family, address, info.pointee.ai_addrlen, millis)
      }
      if case .success = outcome { return outcome }
      unsafe entry = info.pointee.ai_next
    }
    return outcome
  }

  private static func open(
    _ family: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t, _ millis: Int
  ) -> Result<Int32, ClientError> {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(family, kind, 0)
    func fail(_ reason: String) -> Result<Int32, ClientError> {
      if descriptor >= 0 { _ = Glibc.close(descriptor) }
      return .failure(.connect(endpoint: "", reason: reason))
    }
    guard descriptor >= 0 else { return fail(text(errno)) }
    if unsafe Glibc.connect(descriptor, address, length) != 0 {
      guard errno == EINPROGRESS || errno == EINTR else { return fail(text(errno)) }
      guard wait(descriptor, Int16(POLLOUT), millis) else {
        return fail("no answer in \(millis) ms")
      }
      var code: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0, code == 0 else {
        return fail(text(code))
      }
    }
    if family != AF_UNIX {
      var on: Int32 = 1
      let size = socklen_t(MemoryLayout<Int32>.size)
      // Requests are written whole; waiting to join them with more only delays them.
      _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
    }
    return .success(descriptor)
  }
}
