// Listening sockets handed over by a service manager (sd_listen_fds(3)): descriptors from 3 on,
// counted by $LISTEN_FDS, named by $LISTEN_FDNAMES, meant for the process $LISTEN_PID.

internal import Glibc
internal import VarveBase

/// One descriptor that came with the process.
package struct ActivatedSocket: Equatable, Sendable {
  /// The first descriptor, SD_LISTEN_FDS_START.
  package static let firstDescriptor: Int32 = 3

  package let descriptor: Int32
  /// `FileDescriptorName=` of its socket unit; empty where there was none.
  package let name: String

  package init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  /// Serves people and scrapers, not pages.
  package var isHttp: Bool { name == "http" }

  /// The sockets meant for this process; none without the variables, or when they are another's.
  package static func taken(
    from environment: [String: String], processID: Int32 = getpid()
  ) throws(ConfigurationProblem) -> [ActivatedSocket] {
    guard let pid = environment["LISTEN_PID"], let text = environment["LISTEN_FDS"],
      Int32(pid) == processID
    else { return [] }
    guard let count = Int(text), count >= 0, count <= Limits.activatedSocketsMax else {
      throw ConfigurationProblem(
        "LISTEN_FDS = \"\(text)\" must be a number from 0 to \(Limits.activatedSocketsMax)")
    }
    let names = (environment["LISTEN_FDNAMES"] ?? "")
      .split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
    let sockets = (0..<count).map { index in
      ActivatedSocket(
        descriptor: firstDescriptor + Int32(index),
        name: index < names.count ? names[index] : "")
    }
    guard sockets.count(where: \.isHttp) <= 1 else {
      throw ConfigurationProblem("LISTEN_FDNAMES names more than one socket \"http\"")
    }
    return sockets
  }

  /// Makes the descriptor ours; its address. Throws when it is no listening stream socket, or when
  /// other machines reach it and `insecure` is not set: who bound it makes no difference to that.
  func adopt(insecure: Bool) throws(BindError) -> ListenAddress {
    let shown = "the activated socket \(descriptor)" + (name.isEmpty ? "" : " (\(name))")
    func refuse(_ what: String) -> BindError { .unusable(address: shown, what: what) }
    let size = MemoryLayout<Int32>.size
    func option(_ option: Int32) -> Int32? {
      var value: Int32 = 0
      var length = socklen_t(size)
      return unsafe getsockopt(descriptor, SOL_SOCKET, option, &value, &length) == 0 ? value : nil
    }
    guard let type = option(SO_TYPE) else {
      throw refuse(unsafe String(cString: strerror(errno)))
    }
    guard type == Int32(SOCK_STREAM.rawValue) else { throw refuse("it is no stream socket") }
    guard option(SO_ACCEPTCONN) == 1 else { throw refuse("it does not listen") }
    guard let address = ListenerSocket.boundAddress(descriptor) else {
      throw refuse("it is neither a TCP nor a named UNIX socket")
    }
    guard address.isLoopback || insecure else {
      throw refuse(
        "\(address) can be reached from other machines and this version has no access tokens: "
          + "bind a loopback address, or set insecure = true if the network is trusted")
    }
    let flags = fcntl(descriptor, F_GETFL)
    guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0,
      fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
    else { throw refuse(unsafe String(cString: strerror(errno))) }
    return address
  }
}
