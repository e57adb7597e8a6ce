// One HTTP request as bytes, the whole answer as text.

import Foundation
import VarveServer

struct HttpClient {
  private let raw: RawClient

  init(port: UInt16) throws { raw = try RawClient(port: port) }

  func exchange(_ request: String) throws -> String {
    try raw.send(Array(request.utf8))
    return String(decoding: try raw.rest(), as: UTF8.self)
  }
}
