// Where a listener stands: HOST:PORT, [V6]:PORT or unix:PATH.

internal import Glibc

/// One address to listen on, as configured and as printed.
package enum ListenAddress: Equatable, Sendable, CustomStringConvertible {
  /// `host` without brackets; port 0 lets the kernel pick one.
  case tcp(host: String, port: UInt16)
  case unix(path: String)

  /// `sockaddr_un.sun_path` holds 107 bytes and a zero.
  package static let unixPathBytesMax = 107

  /// Reads an address; throws a sentence that says what is wrong with it.
  package init(_ text: String) throws(ConfigurationProblem) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      guard !path.isEmpty else {
        throw ConfigurationProblem("address \"\(text)\" has no path; write unix:PATH")
      }
      guard path.utf8.count <= Self.unixPathBytesMax else {
        throw ConfigurationProblem(
          "the path of \"\(text)\" has \(path.utf8.count) bytes; a UNIX socket's path has at most "
            + "\(Self.unixPathBytesMax)")
      }
      self = .unix(path: path)
      return
    }
    let problem = ConfigurationProblem(
      "address \"\(text)\" is none of HOST:PORT, [V6-ADDRESS]:PORT and unix:PATH")
    guard let colon = text.lastIndex(of: ":") else { throw problem }
    let portText = text[text.index(after: colon)...]
    var host = String(text[..<colon])
    guard !host.isEmpty, !portText.isEmpty, portText.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 })
    else { throw problem }
    guard let port = UInt16(portText) else {
      throw ConfigurationProblem("port \(portText) of \"\(text)\" is over 65535")
    }
    if host.hasPrefix("[") {
      guard host.hasSuffix("]"), host.count > 2 else { throw problem }
      host = String(host.dropFirst().dropLast())
    } else if host.contains(":") {
      throw ConfigurationProblem("write the IPv6 address of \"\(text)\" in brackets: [::1]:4770")
    }
    self = .tcp(host: host, port: port)
  }

  package var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  /// Only this machine reaches it: a UNIX socket, 127.0.0.0/8, ::1, localhost.
  package var isLoopback: Bool {
    switch self {
    case .unix: return true
    case .tcp("localhost", _): return true
    case .tcp(let host, _):
      var four = in_addr()
      if unsafe inet_pton(AF_INET, host, &four) == 1 {
        return UInt32(bigEndian: four.s_addr) >> 24 == 127
      }
      var six = in6_addr()
      guard unsafe inet_pton(AF_INET6, host, &six) == 1 else { return false }
      let bytes = unsafe withUnsafeBytes(of: &six) { unsafe Array($0) }
      return bytes == [UInt8](repeating: 0, count: 15) + [1]
    }
  }
}
