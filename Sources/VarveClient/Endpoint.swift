// Where a daemon listens, as `--endpoint` writes it.

/// HOST:PORT, [::]:PORT or unix:PATH; without a port, 4770.
package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
  case tcp(host: String, port: UInt16)
  case unix(path: String)

  package static let portDefault: UInt16 = 4770
  /// What fits into `sockaddr_un` with its NUL.
  package static let unixPathBytesMax = 107

  package init(_ text: String) throws(ClientError) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst("unix:".count))
      guard !path.isEmpty, path.utf8.count <= Self.unixPathBytesMax else {
        throw .address(
          "endpoint \(text): the path has \(path.utf8.count) bytes, "
            + "1 to \(Self.unixPathBytesMax) fit"
        )
      }
      self = .unix(path: path)
      return
    }
    let (host, port) = Self.split(text)
    guard !host.isEmpty, let port else {
      throw .address("endpoint \(text): HOST:PORT, [HOST]:PORT or unix:PATH is wanted")
    }
    guard let number = UInt16(port), number > 0 else {
      throw .address("endpoint \(text): port \(port) is not within 1 to 65535")
    }
    self = .tcp(host: host, port: number)
  }

  package var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  private static func split(_ text: String) -> (host: String, port: String?) {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return ("", nil) }
      let host = String(text[text.index(after: text.startIndex)..<end])
      let rest = text[text.index(after: end)...]
      if rest.isEmpty { return (host, String(portDefault)) }
      return (host, rest.hasPrefix(":") ? String(rest.dropFirst()) : nil)
    }
    guard let colon = text.lastIndex(of: ":") else { return (text, String(portDefault)) }
    let host = String(text[..<colon])
    // An address with colons needs brackets: which colon begins the port cannot be guessed.
    guard !host.contains(":") else { return ("", nil) }
    return (host, String(text[text.index(after: colon)...]))
  }
}
