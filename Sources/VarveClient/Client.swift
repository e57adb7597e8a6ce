// The blocking client of Varve's frames: one connection, one call at a time. varvectl and the tests
// stand on it; the data path of SGLang has its own, in Python.

internal import VarveBase
package import VarveWire

/// How a client connects and how long it waits.
package struct ClientOptions: Sendable {
  /// Longest wait for the connection to be made, for each address of the host.
  package var connectMillis: Int
  /// Longest wait, within any call, for the server to send or to take a byte.
  package var timeoutMillis: Int
  /// Told to the server, for its log.
  package var name: String
  package var token: [UInt8]

  package init(
    connectMillis: Int = 5_000, timeoutMillis: Int = 30_000, name: String = "varve-swift/1",
    token: [UInt8] = []
  ) {
    precondition(connectMillis > 0 && timeoutMillis > 0, "a wait without an end")
    self.connectMillis = connectMillis
    self.timeoutMillis = timeoutMillis
    self.name = name
    self.token = token
  }
}

/// A connection to a daemon.
///
/// Not for several threads at once: give each its own. Every call throws `ClientError`; after
/// `.problem`, `.checksumMismatch` and `.invalidRequest` the connection goes on, after every other
/// error it is over (`isOpen`).
package final class Client {
  let connection: Connection

  /// Connects and says HELLO.
  package init(
    _ endpoint: Endpoint, options: ClientOptions = ClientOptions()
  ) throws(ClientError) {
    connection = try Connection(endpoint, options)
  }

  /// What the server said of itself: version, limits, `bootID`.
  package var server: HelloOk { connection.server }

  /// Whether further calls can be made.
  package var isOpen: Bool { connection.ended == nil && connection.draining == nil }

  /// Ends the connection; calls after it throw `.connectionLost`.
  package func close() { connection.close() }

  /// Sends a PING of up to 64 bytes and waits for its PONG.
  ///
  /// - Returns: nanoseconds between the two.
  @discardableResult
  package func ping(_ payload: [UInt8] = Array("varve".utf8)) throws(ClientError) -> UInt64 {
    guard payload.count <= Limits.pingBytesMax else {
      throw .invalidRequest(
        "a PING of \(payload.count) bytes is over pingBytesMax \(Limits.pingBytesMax)")
    }
    let clock = SystemClock()
    let start = clock.monotonicNanos()
    try connection.ping(payload)
    return clock.monotonicNanos() - start
  }

  // MARK: Cache

  /// Opens a namespace, creating it unless `mustExist` (then `.problem` with NOT_FOUND).
  package func openNamespace(
    _ name: String, options: NamespaceOptions = NamespaceOptions(), mustExist: Bool = false
  ) throws(ClientError) -> OpenNamespaceResponse {
    try checkText(name, "name")
    try checkText(options.description, "description")
    return try call(
      .openNamespace,
      OpenNamespaceRequest(name: name, options: options, mustExist: mustExist))
  }

  /// How many pages of the chain are stored without a gap from `first`.
  package func lookup(_ request: LookupRequest) throws(ClientError) -> LookupResponse {
    try call(.lookup, request)
  }

  /// Marks pages as used now. Returns how many were there.
  @discardableResult
  package func touch(_ request: PagesRequest) throws(ClientError) -> Int {
    try pages(.touch, request)
  }

  /// Keeps pages for `request.seconds` (0: until `unpin`). Returns how many were there.
  @discardableResult
  package func pin(_ request: PagesRequest) throws(ClientError) -> Int {
    try pages(.pin, request)
  }

  /// Undoes `pin`. Returns how many were pinned.
  @discardableResult
  package func unpin(_ request: PagesRequest) throws(ClientError) -> Int {
    try pages(.unpin, request)
  }

  /// Removes pages; answered when that is on disk. Returns how many were there.
  @discardableResult
  package func delete(_ request: PagesRequest) throws(ClientError) -> Int {
    try pages(.delete, request)
  }

  /// Tells that a page came with other bytes than its checksum says.
  ///
  /// - Returns: whether the server read it again and found it bad itself.
  package func reportCorrupt(_ request: ReportCorruptRequest) throws(ClientError) -> Bool {
    let response: ReportCorruptResponse = try call(.reportCorrupt, request)
    return response.confirmed
  }

  // MARK: Parts

  private func pages(_ method: Method, _ request: PagesRequest) throws(ClientError) -> Int {
    let response: PagesResponse = try call(method, request)
    return Int(response.affected)
  }

  /// One unary call.
  func call<Answer: WireMessage>(
    _ method: Method, _ request: some WireMessage
  ) throws(ClientError) -> Answer {
    let stream = try connection.begin(method, request.encode(), last: true)
    while true {
      let frame = try connection.next(method, stream)
      if frame.header.type == .window { continue }
      guard frame.header.type == .response, frame.header.flags.contains(.last),
        frame.header.payloadBytes == 0
      else {
        throw connection.end(
          .protocolViolation("\(method.name) answered by \(frame.header.type.name)"))
      }
      return try connection.decode(frame)
    }
  }

  /// Strings of messages are C strings at the server's end: a NUL would cut them.
  func checkText(_ text: String, _ field: String) throws(ClientError) {
    guard !text.utf8.contains(0) else { throw .invalidRequest("\(field) holds a NUL") }
  }
}
