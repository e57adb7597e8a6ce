// Answers of the HTTP port as values, and their bytes.

/// The statuses this server gives.
package enum HttpStatus: Int, Sendable {
  case ok = 200
  case badRequest = 400
  case notFound = 404
  case methodNotAllowed = 405
  case requestTimeout = 408
  case uriTooLong = 414
  case headerTooLarge = 431
  case unavailable = 503
  case versionNotSupported = 505

  var reason: String {
    switch self {
    case .ok: "OK"
    case .badRequest: "Bad Request"
    case .notFound: "Not Found"
    case .methodNotAllowed: "Method Not Allowed"
    case .requestTimeout: "Request Timeout"
    case .uriTooLong: "URI Too Long"
    case .headerTooLarge: "Request Header Fields Too Large"
    case .unavailable: "Service Unavailable"
    case .versionNotSupported: "HTTP Version Not Supported"
    }
  }
}

/// One answer; the connection closes after it.
package struct HttpResponse: Equatable, Sendable {
  package let status: HttpStatus
  package let contentType: String
  package let body: String

  package init(
    _ status: HttpStatus, contentType: String = "text/plain; charset=utf-8", body: String
  ) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// The refusal of a request that could not be read.
  package init(refusing status: HttpStatus) {
    self.init(status, body: "\(status.rawValue) \(status.reason)\n")
  }

  /// The bytes to send; a HEAD gets the same header and no body.
  package func bytes(headOnly: Bool = false) -> [UInt8] {
    let content = Array(body.utf8)
    var text = "HTTP/1.1 \(status.rawValue) \(status.reason)\r\n"
    text += "Content-Type: \(contentType)\r\n"
    text += "Content-Length: \(content.count)\r\n"
    text += "Cache-Control: no-store\r\n"
    if status == .methodNotAllowed { text += "Allow: GET, HEAD\r\n" }
    text += "Connection: close\r\n\r\n"
    return Array(text.utf8) + (headOnly ? [] : content)
  }
}
