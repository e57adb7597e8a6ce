// The Admin service: state, long work, namespaces by name.

package import VarveWire

extension Client {
  /// The daemon's state and counters.
  package func stats() throws(ClientError) -> StatsResponse {
    try call(.stats, StatsRequest())
  }

  /// Compacts a namespace, or all with an empty name.
  ///
  /// - Parameter progress: called for each message; false cancels the work.
  /// - Returns: the last message, whose `result` tells what was done; nil when there was none.
  @discardableResult
  package func compact(
    namespace: String = "", indexOnly: Bool = false, progress: (Progress) -> Bool = { _ in true }
  ) throws(ClientError) -> Progress? {
    try checkText(namespace, "namespace")
    return try follow(
      .compact, CompactRequest(namespace: namespace, indexOnly: indexOnly), progress)
  }

  /// Reads everything stored again, at most so many bytes a second (0: the server's default).
  @discardableResult
  package func scrub(
    maxBytesPerSecond: Double = 0, progress: (Progress) -> Bool = { _ in true }
  ) throws(ClientError) -> Progress? {
    try follow(.scrub, ScrubRequest(maxBytesPerSecond: maxBytesPerSecond), progress)
  }

  /// Returns when all that was acknowledged is on disk.
  package func flush() throws(ClientError) {
    let _: FlushResponse = try call(.flush, FlushRequest())
  }

  /// Every namespace of this tenant.
  package func listNamespaces() throws(ClientError) -> [NamespaceInfo] {
    let response: ListNamespacesResponse = try call(.listNamespaces, ListNamespacesRequest())
    return response.namespaces
  }

  /// Removes every page of a namespace. Its id is no longer valid: open it again.
  ///
  /// - Returns: how many pages were there.
  @discardableResult
  package func clearNamespace(_ name: String) throws(ClientError) -> Int {
    try named(.clearNamespace, name)
  }

  /// Removes a namespace with its pages. Returns how many pages were there.
  @discardableResult
  package func dropNamespace(_ name: String) throws(ClientError) -> Int {
    try named(.dropNamespace, name)
  }

  /// Changes the options of a namespace that `fields` names (as `varve.proto` spells them).
  package func setNamespace(
    _ name: String, options: NamespaceOptions, fields: [String]
  ) throws(ClientError) -> NamespaceInfo {
    for text in [name, options.description] + fields { try checkText(text, "a string") }
    return try call(
      .setNamespace, SetNamespaceRequest(name: name, options: options, fields: fields))
  }

  /// Moves the capacity; lowered, answered when the oldest pages have gone.
  package func setCapacity(_ bytes: UInt64) throws(ClientError) -> SetCapacityResponse {
    try call(.setCapacity, SetCapacityRequest(capacityBytes: bytes))
  }

  /// Takes the daemon out of service and waits for the calls begun (0: as long as the daemon's
  /// configuration says). This connection takes no more calls after it.
  package func drain(timeoutSeconds: UInt32 = 0) throws(ClientError) -> DrainResponse {
    try call(.drain, DrainRequest(timeoutSeconds: timeoutSeconds))
  }

  /// The tuner's knobs and what it sees.
  package func tunerStatus() throws(ClientError) -> TunerStatusResponse {
    try call(.tunerStatus, TunerStatusRequest())
  }

  /// The tuner's last decisions, newest last; 0: all it remembers.
  package func tunerHistory(last: UInt32 = 0) throws(ClientError) -> [TunerDecision] {
    let response: TunerHistoryResponse = try call(.tunerHistory, TunerHistoryRequest(last: last))
    return response.decisions
  }

  /// Sets the mode (empty: unchanged), holds knobs by hand, gives others back to the tuner.
  package func setTuner(_ request: SetTunerRequest) throws(ClientError) -> TunerStatusResponse {
    for text in [request.mode] + request.manual.keys + request.automatic {
      try checkText(text, "a string")
    }
    return try call(.setTuner, request)
  }

  /// Any other unary call of the services, by its messages.
  package func unary<Answer: WireMessage>(
    _ method: Method, _ request: some WireMessage, as answer: Answer.Type = Answer.self
  ) throws(ClientError) -> Answer {
    try call(method, request)
  }

  private func named(_ method: Method, _ name: String) throws(ClientError) -> Int {
    try checkText(name, "name")
    let response: PagesResponse = try call(method, NamespaceName(name: name))
    return Int(response.affected)
  }

  /// A RESPONSE without flag 1 for each message, then one with it, which is no message.
  private func follow(
    _ method: Method, _ request: some WireMessage, _ progress: (Progress) -> Bool
  ) throws(ClientError) -> Progress? {
    let stream = try connection.begin(method, request.encode(), last: true)
    var latest: Progress?
    var cancelled = false
    while true {
      let frame = try connection.next(method, stream)
      if frame.header.type == .window { continue }
      guard frame.header.type == .response, frame.header.payloadBytes == 0 else {
        throw connection.end(
          .protocolViolation("\(method.name) answered by \(frame.header.type.name)"))
      }
      if frame.header.flags.contains(.last) { return latest }
      let message: Progress = try connection.decode(frame)
      latest = message
      if !cancelled, !progress(message) {
        cancelled = true
        try connection.cancel(method, stream)
      }
    }
  }
}
