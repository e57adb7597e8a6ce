// A bounded HTTP/1.1 request parser: bytes in, request or refusal out. Only what GET and HEAD need.

internal import VarveBase

/// A request line; header fields are read past, bodies are not read.
package struct HttpRequest: Equatable, Sendable {
  package enum Method: Equatable, Sendable { case get, head }

  package let method: Method
  /// Without the query.
  package let path: String

  package init(method: Method, path: String) {
    self.method = method
    self.path = path
  }

  package enum Outcome: Equatable, Sendable {
    /// The header's end has not come yet.
    case incomplete
    case request(HttpRequest)
    case refused(HttpStatus)
  }

  /// Judges what was received so far.
  package static func parse(_ bytes: [UInt8]) -> Outcome {
    guard let lineEnd = bytes.firstIndex(of: newline) else {
      if bytes.count > Limits.httpRequestLineBytesMax { return .refused(.uriTooLong) }
      return bytes.contains(where: { $0 < 32 && $0 != carriageReturn })
        ? .refused(.badRequest)
        : .incomplete
    }
    guard lineEnd <= Limits.httpRequestLineBytesMax else { return .refused(.uriTooLong) }
    guard let headerEnd = endOfHeader(bytes) else {
      return bytes.count > Limits.httpHeaderBytesMax ? .refused(.headerTooLarge) : .incomplete
    }
    guard headerEnd <= Limits.httpHeaderBytesMax else { return .refused(.headerTooLarge) }
    return judge(line: bytes[..<lineEnd])
  }

  private static let newline = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  private static func judge(line: ArraySlice<UInt8>) -> Outcome {
    var line = line
    if line.last == carriageReturn { line.removeLast() }
    guard line.allSatisfy({ $0 >= 32 && $0 < 127 }) else { return .refused(.badRequest) }
    let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard parts.count == 3, parts[1].hasPrefix("/"), !parts[0].isEmpty else {
      return .refused(.badRequest)
    }
    guard parts[2].hasPrefix("HTTP/") else { return .refused(.badRequest) }
    guard parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else {
      return .refused(.versionNotSupported)
    }
    let path = String(parts[1].prefix { $0 != "?" && $0 != "#" })
    switch parts[0] {
    case "GET": return .request(HttpRequest(method: .get, path: path))
    case "HEAD": return .request(HttpRequest(method: .head, path: path))
    default: return .refused(.methodNotAllowed)
    }
  }

  /// The index after the empty line; line ends are CR LF, a bare LF is accepted (RFC 9112 §2.2).
  private static func endOfHeader(_ bytes: [UInt8]) -> Int? {
    var lineStart = 0
    for index in bytes.indices where bytes[index] == newline {
      let length = index - lineStart
      if length == 0 || (length == 1 && bytes[lineStart] == carriageReturn) { return index + 1 }
      lineStart = index + 1
    }
    return nil
  }
}
