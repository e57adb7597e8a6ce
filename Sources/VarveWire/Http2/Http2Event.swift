// What a connection's bytes turn out to be, and what it sends: the values between `Http2Session`
// and its driver.

/// The fields of a request that anybody here looks at; the others are counted and forgotten.
package struct Http2Fields: Hashable, Sendable {
  package var method = ""
  package var path = ""
  package var contentType = ""
  package var encoding = ""
  package var timeout = ""
  package var authorization = ""
  package var traceparent = ""
  /// Names, values and 32 bytes each, as RFC 9113 §6.5.2 counts.
  package var listBytes = 0

  package init() {}

  mutating func set(_ name: String, _ value: String) {
    switch name {
    case ":method": method = value
    case ":path": path = value
    case "content-type": contentType = value
    case "grpc-encoding": encoding = value
    case "grpc-timeout": timeout = value
    case "authorization": authorization = value
    case "traceparent": traceparent = value
    default: break
    }
  }
}

/// What the peer did, in order.
package enum Http2Event: Hashable, Sendable {
  /// A stream begins. `isEnd`: no body follows.
  case request(stream: Int32, fields: Http2Fields, isEnd: Bool)
  /// Bytes of a body: a range of the memory that was given to `receive`.
  case data(stream: Int32, range: Range<Int>)
  /// The peer's side of the stream is over.
  case end(stream: Int32)
  /// The stream is gone; `code` is 0 when it ended as it should.
  case closed(stream: Int32, code: UInt32)
}

/// What is to be sent: frame heads and control frames as bytes, page bytes by count.
package struct Http2Output: Sendable {
  package enum Part: Hashable, Sendable {
    /// The next so many of `bytes`.
    case bytes(Int)
    /// The next so many of what was offered on the stream.
    case payload(stream: Int32, count: Int)
  }

  package internal(set) var bytes: [UInt8] = []
  package internal(set) var parts: [Part] = []
  package internal(set) var byteCount = 0

  package init() {}

  package var isEmpty: Bool { byteCount == 0 }

  mutating func append(_ more: UnsafeRawBufferPointer) {
    unsafe bytes.append(contentsOf: more)
    byteCount += more.count
    if case .bytes(let count)? = parts.last {
      parts[parts.count - 1] = .bytes(count + more.count)
    } else {
      parts.append(.bytes(more.count))
    }
  }

  mutating func append(payload count: Int, of stream: Int32) {
    guard count > 0 else { return }
    parts.append(.payload(stream: stream, count: count))
    byteCount += count
  }
}

/// RFC 9113 §7, those we use.
package enum Http2Code {
  package static let noError: UInt32 = 0
  package static let protocolError: UInt32 = 1
  package static let internalError: UInt32 = 2
  package static let refusedStream: UInt32 = 7
  package static let cancel: UInt32 = 8
  package static let enhanceYourCalm: UInt32 = 11
}
